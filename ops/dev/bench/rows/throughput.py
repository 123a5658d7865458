"""The source's own throughput while a copy runs with default settings, against it alone.

The source and its writers have cores and a disk of their own: what the copy costs them is what it
asks of the source, not what the target and the workers take of the same machine. Part of that is
the price of any reader of the binary log, such as a replica: mysqlbinlog shows how much.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from ops.dev.bench.apart import in_memory, keep_apart, send_away
from ops.dev.bench.in_turn import Side, in_turn, versus
from ops.dev.bench.lines import Line, at_least
from ops.dev.bench.peers.peer import client, running
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import LIMIT_S, Stand
from ops.dev.bench.sysbench import Load, Sysbench, rows_changed, writing
from ops.dev.bench.tables import ORDERS, sysbench_table
from pipeline.domain.stages import Stage
from pipeline.errors import known

_COPIED = 4_000_000
_WRITTEN = 100_000
_FOR_S = 20.0
_WHILE, _READ, _ALONE = "while copying", "while mysqlbinlog reads its log", "alone"


def _measure(bench: Bench) -> Iterator[Line]:
    load, seconds = Load(rows=bench.rows(_WRITTEN)), bench.seconds(_FOR_S)
    with bench.stand() as stand, in_memory(stand.stack.servers["new"]):
        stand.fill(ORDERS, bench.rows(_COPIED))
        stand.fill(sysbench_table(1), load.rows)
        stand.start_workers()
        keep_apart(known(stand.stack.servers[stand.source].identity, "the source's process"))
        sides: dict[str, Side] = {
            _WHILE: lambda: _while_copying(stand, load, seconds),
            _READ: lambda: _while_read(stand, load, seconds),
            _ALONE: lambda: _alone(stand, load, seconds),
        }
        rates = in_turn(sides, bench.rounds, bench.say)
    yield versus(rates, _WHILE, _ALONE, at_least(0.85, aim=0.9), "row changes/s")
    yield versus(rates, _READ, _ALONE, None, "row changes/s")


def _alone(stand: Stand, load: Load, seconds: float) -> float:
    with writing(stand, load, LIMIT_S) as sysbench:
        return _changes_per_s(stand, sysbench, seconds)


def _while_read(stand: Stand, load: Load, seconds: float) -> float:
    stand.run(stand.source, "FLUSH BINARY LOGS")
    log = stand.column(stand.source, "SHOW BINARY LOGS")[-1]
    reading = ("--read-from-remote-server", "--stop-never", "--result-file=/dev/null", log)
    reader = client(stand, "mysqlbinlog", stand.source, *reading)
    with running(reader, stand.stack.directory / "mysqlbinlog.log") as identity:
        send_away(identity)
        rate = _alone(stand, load, seconds)
        if not identity.alive:
            raise SystemExit("mysqlbinlog has ended too early to say anything")
    return rate


def _while_copying(stand: Stand, load: Load, seconds: float) -> float:
    """From the first chunk on; the application has been writing before, as it does.

    Raises:
        SystemExit: the copy has ended too early to say anything.
    """
    with writing(stand, load, LIMIT_S) as sysbench:
        migration_id = stand.begin([ORDERS.name, sysbench_table(1).name])
        stand.wait_stage(migration_id, Stage.COPYING)
        rate = _changes_per_s(stand, sysbench, seconds)
    if stand.is_copied(migration_id):
        raise SystemExit("the copy ended before the writes did: it needs more rows")
    stand.discard(migration_id, keep_logs=True)
    return rate


def _changes_per_s(stand: Stand, sysbench: Sysbench, seconds: float) -> float:
    """Rows that the source's writers change; Tranship changes none there.

    Raises:
        SystemExit: sysbench has failed meanwhile.
    """
    began, before = time.monotonic(), rows_changed(stand)
    time.sleep(seconds)
    rate = (rows_changed(stand) - before) / (time.monotonic() - began)
    sysbench.refuse_failed()
    return rate


ROW = Row(
    "throughput",
    "sysbench oltp_write_only on the source, 4 threads, on cores and a disk of their own, while 4 M"
    " rows are copied",
    _measure,
    programs=("sysbench", "mysqlbinlog"),
    minutes=12,
)
