"""Wide rows, per byte, against mysqldump | mysql: 50 columns, 8 KB of text, blobs of 1 MB.

The workers have copied before, as in the row `copy`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ops.dev.bench.copying import seconds_to_copy, start_warm_workers
from ops.dev.bench.in_turn import in_turn, versus
from ops.dev.bench.lines import Line, at_least
from ops.dev.bench.peers import mysqldump
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import BLOB_1M, COLUMNS_50, TEXT_8K, TableKind

_MIB = 1 << 20
_OURS, _PEER = "Tranship", mysqldump.PEER


def _measure(bench: Bench, table: TableKind, row_bytes: int, rows: int) -> Iterator[Line]:
    rows = max(table.batch, round(rows * bench.scale))
    with bench.stand() as stand:
        stand.fill(table, rows)
        mib = rows * row_bytes / _MIB
        sides = {
            _OURS: lambda: mib / _by_workers(stand, table),
            _PEER.name: lambda: mib / _PEER.seconds(stand, table),
        }
        rates = in_turn(sides, bench.rounds, bench.say)
    yield versus(rates, _OURS, _PEER.name, at_least(1, aim=1.5), "MiB/s")


def _by_workers(stand: Stand, table: TableKind) -> float:
    start_warm_workers(stand)
    seconds = seconds_to_copy(stand, table)
    stand.stop_workers()
    return seconds


def _row(name: str, title: str, table: TableKind, row_bytes: int, rows: int) -> Row:
    return Row(
        name,
        title,
        lambda bench: _measure(bench, table, row_bytes, rows),
        programs=_PEER.programs,
        minutes=5,
    )


COLUMNS = _row("columns", "copy of 400,000 rows of 50 columns", COLUMNS_50, 550, 400_000)
TEXTS = _row("texts", "copy of 40,000 rows of 8 KB of text", TEXT_8K, 8200, 40_000)
BLOBS = _row("blobs", "copy of 400 blobs of 1 MB", BLOB_1M, _MIB, 400)
