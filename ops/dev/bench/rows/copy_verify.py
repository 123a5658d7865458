"""Copy and verify, without writes, against Spirit, which verifies what it has copied, too."""

from __future__ import annotations

from collections.abc import Iterator

from ops.dev.bench.copying import seconds_to_ready, start_warm_workers
from ops.dev.bench.in_turn import Side, in_turn, versus
from ops.dev.bench.lines import Line, at_least, median
from ops.dev.bench.peers import spirit
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import ORDERS

_ROWS = 1_000_000
_OURS = "Tranship"
_SPIRIT = spirit.PEER.name


def _measure(bench: Bench) -> Iterator[Line]:
    rows = bench.rows(_ROWS)
    with bench.stand() as stand:
        stand.fill(ORDERS, rows)
        sides: dict[str, Side] = {_OURS: lambda: rows / _by_workers(stand)}
        if spirit.PEER.is_found(stand):
            sides[_SPIRIT] = lambda: rows / spirit.PEER.seconds(stand, ORDERS)
        rates = in_turn(sides, bench.rounds, bench.say)
    if _SPIRIT in rates:
        yield versus(rates, _OURS, _SPIRIT, at_least(1.5, aim=2), "rows/s")
    yield median("Tranship, until ready", "s", [rows / rate for rate in rates[_OURS]])


def _by_workers(stand: Stand) -> float:
    start_warm_workers(stand)
    seconds = seconds_to_ready(stand, ORDERS)
    stand.stop_workers()
    return seconds


ROW = Row(
    "copy-verify",
    "copy and verify 1 M rows of 7 columns by workers that have done so before, nothing written"
    " meanwhile",
    _measure,
    programs=("spirit",),
    minutes=4,
)
