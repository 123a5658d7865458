"""What ends a session of the streamer: a lost connection, a defect, a successor."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from pipeline.control.leases import Holder, holder, revoke_lease
from pipeline.domain.role import Role
from pipeline.errors import FatalError, known
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from pipeline.stream import session, streamer
from pipeline.stream.streamer import Streamer
from tests.support.direct import DirectMove
from tests.support.moves import SOURCE, TARGET, wait_until
from tests.support.settings import changed
from tests.support.streams import explanation, rows, streaming


@pytest.fixture
def move(pools: Pools, schema: str, monkeypatch: pytest.MonkeyPatch) -> DirectMove:
    monkeypatch.setattr(streamer, "_AGAIN_S", 0.0)
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    return DirectMove.of(pools, schema, "t")


def insert(move: DirectMove, *transaction: tuple[int, ...]) -> None:
    """Rows of one transaction, with a statement for each tuple."""
    with move.pools.begin(SOURCE) as source:
        for numbers in transaction:
            values = ", ".join(f"({number})" for number in numbers)
            run(source, f"INSERT INTO {move.table.source} VALUES {values}")


def has_rows(move: DirectMove, count: int) -> None:
    wait_until(lambda: rows(move) == count or explanation(move), "the rows", limit_s=10)
    assert explanation(move) == ""


def the_lease(move: DirectMove) -> Holder:
    with move.pools.begin(TARGET) as control:
        return known(holder(control, move.migration_id, Role.STREAM), "the lease")


def fail() -> None:
    raise RuntimeError("a defect")


def test_a_source_where_nobody_writes_never_costs_the_connection(move: DirectMove) -> None:
    """The server ends one that is idle; each quiet half-minute ended a session."""
    timeouts = move.pools.settings.timeouts.model_copy(update={"idle_s": 1, "lease_s": 0.3})
    impatient = Pools(move.pools.settings.model_copy(update={"timeouts": timeouts}))
    with closing(impatient), streaming(move, impatient):
        insert(move, (1,))
        has_rows(move, 1)
        epoch = the_lease(move).epoch
        time.sleep(1.3)
        insert(move, (2,))
        has_rows(move, 2)
        assert the_lease(move).epoch == epoch


def test_a_connection_lost_while_nobody_writes_is_replaced_before_somebody_does(
    move: DirectMove, caplog: pytest.LogCaptureFixture
) -> None:
    """The next row would have met it, in a cut-over's drain perhaps, and called it a defect."""
    timeouts = move.pools.settings.timeouts.model_copy(update={"lease_s": 0.3})
    impatient = Pools(move.pools.settings.model_copy(update={"timeouts": timeouts}))
    with closing(impatient), streaming(move, impatient):
        insert(move, (1,))
        has_rows(move, 1)
        before = the_lease(move)
        with move.pools.begin(TARGET) as other:
            run(other, f"KILL {known(before.connection_id, 'the connection')}")
        wait_until(lambda: the_lease(move).epoch > before.epoch, "a new session", limit_s=10)
        insert(move, (2,))
        has_rows(move, 2)
    assert "a defect" not in caplog.text


def test_a_connection_lost_in_a_large_transaction_leaves_no_reader_behind(
    move: DirectMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hold a connection of the source, and a queue full of events, for ever."""
    lost: list[int] = []
    written: list[bool] = []

    def lose() -> None:
        if written and not lost:
            lost.append(known(the_lease(move).connection_id, "the connection"))
            with move.pools.begin(TARGET) as other:
                run(other, f"KILL {lost[0]}")
        written.append(True)

    changed(monkeypatch, move.pools, stream={"batch_rows": 1})
    with at(Point.STREAM_BATCH, lose), streaming(move):
        insert(move, (1, 2), (3, 4), (5, 6))
        has_rows(move, 6)
    assert lost
    assert session.READER not in [one.name for one in threading.enumerate()]


def test_defects_between_which_the_stream_goes_on_never_add_up(move: DirectMove) -> None:
    """A migration lasts for weeks, and so does its streamer."""
    with at(Point.STREAM_COMMITTED, fail), streaming(move):
        for number in range(1, 7):
            insert(move, (number,))
            has_rows(move, number)


def test_a_defect_that_comes_again_and_again_stops_the_migration(move: DirectMove) -> None:
    insert(move, (1,))
    with at(Point.STREAM_FLUSHED, fail), streaming(move):
        wait_until(lambda: explanation(move), "a failure", limit_s=10)
    assert explanation(move) == "A defect of Tranship: RuntimeError: a defect."


def test_a_streamer_that_was_shut_out_never_fails_the_migration(move: DirectMove) -> None:
    def shut_out() -> None:
        with move.pools.begin(TARGET) as control:
            revoke_lease(control, move.migration_id, Role.STREAM)
        raise FatalError("too late")

    insert(move, (1,))
    with at(Point.STREAM_FLUSHED, shut_out):
        Streamer(move.pools, TARGET, move.migration_id, "test").run()
    assert explanation(move) == ""
