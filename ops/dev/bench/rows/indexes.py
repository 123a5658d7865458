"""Six secondary indexes: built after the copy (`--defer-secondary-indexes`), against as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from ops.dev.bench.copying import seconds_to_ready
from ops.dev.bench.in_turn import in_turn, versus
from ops.dev.bench.lines import Line, at_least
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import INDEXES_6
from pipeline.domain.request import MoveRequest

_ROWS = 2_000_000
_TERM = "defer_secondary_indexes"
_DEFERRED, _AS_IT_GOES = "deferred", "as it goes"


def _measure(bench: Bench) -> Iterator[Line]:
    """
    Raises:
        SystemExit: this version can't defer them.
    """
    if _TERM not in {field.name for field in fields(MoveRequest)}:
        raise SystemExit("this version can't defer indexes")
    rows = bench.rows(_ROWS)
    with bench.stand() as stand:
        stand.fill(INDEXES_6, rows)
        sides = {
            _DEFERRED: lambda: rows / _by_workers(stand, defer=True),
            _AS_IT_GOES: lambda: rows / _by_workers(stand, defer=False),
        }
        rates = in_turn(sides, bench.rounds, bench.say)
    yield versus(rates, _DEFERRED, _AS_IT_GOES, at_least(1.3, aim=2), "rows/s")


def _by_workers(stand: Stand, *, defer: bool) -> float:
    stand.start_workers()
    seconds = seconds_to_ready(stand, INDEXES_6, **{_TERM: defer})
    stand.stop_workers()
    return seconds


ROW = Row(
    "indexes",
    "copy and verify 2 M rows with six secondary indexes",
    _measure,
    minutes=12,
)
