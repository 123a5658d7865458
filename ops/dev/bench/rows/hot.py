"""Hot rows: 200,000 updates of 100 rows, of which the target has to see the last ones only."""

from __future__ import annotations

from collections.abc import Iterator

from ops.dev.bench.applying import apply_backlog, ready_to_apply
from ops.dev.bench.lines import Line, at_most, median
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import ORDERS, SCHEMA

_ROWS = 100_000
_HOT = 100
_UPDATES = 200_000
# What the server itself counts for the table: the control schema's rows are not in it.
_WRITES = (
    "SELECT COUNT_INSERT + COUNT_UPDATE + COUNT_DELETE"
    " FROM performance_schema.table_io_waits_summary_by_table"
    f" WHERE OBJECT_SCHEMA = '{SCHEMA}' AND OBJECT_NAME = '{ORDERS.name}'"
)


def _measure(bench: Bench) -> Iterator[Line]:
    updates = bench.rows(_UPDATES)
    shares, rates = [], []
    with bench.stand() as stand:
        stand.fill(ORDERS, bench.rows(_ROWS))
        migration_id = ready_to_apply(stand, ORDERS)
        for number in range(1, bench.rounds + 1):
            _write(stand, updates)
            before = int(stand.value(stand.target, _WRITES))
            rates.append(updates / apply_backlog(stand, migration_id))
            written = int(stand.value(stand.target, _WRITES)) - before
            shares.append(100 * written / updates)
            bench.say(f"round {number}: {written} rows written, {rates[-1]:,.0f} events/s")
    yield median("rows written / events", "%", shares, at_most(5))
    yield median("events applied", "events/s", rates)


def _write(stand: Stand, updates: int) -> None:
    statement = f"UPDATE {ORDERS.full_name} SET version = version + 1 WHERE id <= {_HOT}"
    with stand.connect(stand.source) as connection, connection.cursor() as cursor:
        for _ in range(updates // _HOT):
            cursor.execute(statement)
            connection.commit()


ROW = Row(
    "hot",
    "apply 200,000 updates of the same 100 rows, in 2,000 transactions",
    _measure,
    minutes=2,
)
