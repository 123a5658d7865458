"""How far behind the target is, told from two positions and two times."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.control.streams import StreamState
from pipeline.mysql.gtid import GtidSet
from pipeline.step.lag import SourceProgress

SERVER = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = SourceProgress(GtidSet.parse(f"{SERVER}:1-10"), now=1000.0)


def applied(up_to: int, source_time: float) -> StreamState:
    return StreamState(
        GtidSet.parse(f"{SERVER}:1-{up_to}"), (), "", False, 0, 0, source_time, NOW, NOW
    )


def test_an_idle_source_is_never_said_to_be_ahead() -> None:
    assert SOURCE.lag_s(applied(10, source_time=400), None) == 0


def test_a_target_that_lacks_transactions_is_behind_since_the_last_one_it_has() -> None:
    assert SOURCE.lag_s(applied(9, source_time=940), None) == 60


def test_clocks_that_differ_never_make_a_lag_less_than_nothing() -> None:
    assert SOURCE.lag_s(applied(9, source_time=1003), None) == 0


def test_the_first_transaction_after_an_idle_hour_is_no_lag_of_an_hour() -> None:
    assert SOURCE.lag_s(applied(9, source_time=-2600), caught_up_at=999.5) == 0.5


def test_what_was_applied_since_it_had_caught_up_counts() -> None:
    assert SOURCE.lag_s(applied(9, source_time=999.25), caught_up_at=940) == 0.75
