"""What a row is measured on: two durable servers, Redis, workers, and a few words to drive them.

Each row has a stand of its own, on fresh data directories. Nothing here judges anything.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from ops.dev.bench import tables
from ops.dev.bench.programs import Programs
from ops.dev.bench.tables import SCHEMA, TableKind
from ops.dev.demo.stack import Stack, running_stack
from pipeline.commands.clean_up import clean_up
from pipeline.commands.control import abort, cut_over
from pipeline.commands.start import start
from pipeline.configuration.load import load_settings
from pipeline.configuration.path import PATH_VARIABLE
from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import read_migration
from pipeline.control.schema import SCHEMA as CONTROL
from pipeline.control.touched_keys import count_touched
from pipeline.domain.migration import Migration
from pipeline.domain.request import AlterRequest, MoveRequest, Request
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import TableName

WHO = "bench"
LIMIT_S = 1800.0
_POLL_S = 0.03  # asking costs CPU, of which there may be little
STAGE = f"SELECT stage FROM {CONTROL}.migrations WHERE id = '{{id}}'"
IS_COPIED = (
    f"SELECT MIN(copied), MIN(stage) FROM {CONTROL}.migrations m"
    f" LEFT JOIN {CONTROL}.migration_tables ON migration_id = m.id WHERE m.id = '{{id}}'"
)
_PURGE = "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY"  # all but the one just begun
_COUNTED = 10_000_000
_OPTIONS = {
    "innodb-flush-log-at-trx-commit": "1",
    "sync-binlog": "1",
    "innodb-buffer-pool-size": "1G",
    "innodb-redo-log-capacity": "1G",
    "max-allowed-packet": "256M",
}


@dataclass
class Stand:
    """Servers `old` and `new`, whose schema `bench` is what moves."""

    stack: Stack
    pools: Pools
    programs: Programs
    tls: str
    source: str = "old"
    target: str = "new"
    control: str = "new"  # where the control schema of the last migration is

    def connect(self, server: str) -> pymysql.Connection[Any]:
        return self.stack.connect(server)

    def run(self, server: str, *statements: str) -> None:
        with self.connect(server) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def value(self, server: str, query: str) -> Any:
        """The first value of the first row."""
        return next(iter(self.column(server, query)), None)

    def column(self, server: str, query: str) -> list[Any]:
        """The first value of each row."""
        with self.connect(server) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return [row[0] for row in cursor.fetchall()]

    def status(self, server: str, name: str) -> int:
        """A status variable of the server."""
        with self.connect(server) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE %s", (name,))
            return int(cursor.fetchall()[0][1])

    def has_rows(self, server: str, table: str, rows: int) -> bool:
        """Whether the table is there, with at least so many rows."""
        schema, name = table.split(".")
        known = (
            "SELECT COUNT(*) FROM information_schema.tables"
            f" WHERE table_schema = '{schema}' AND table_name = '{name}'"
        )
        if not self.value(server, known):
            return False
        return int(self.value(server, f"SELECT COUNT(*) FROM {table}")) >= rows

    def fill(self, kind: TableKind, rows: int) -> None:
        """Create the table on the source."""
        with self.connect(self.source) as connection:
            tables.create(connection, kind, rows)

    def empty(self, server: str) -> None:
        self.run(server, f"DROP DATABASE IF EXISTS {SCHEMA}", f"CREATE DATABASE {SCHEMA}")

    def start_workers(self) -> None:
        """
        Raises:
            SystemExit: they do not start.
        """
        for log in self.stack.directory.glob("*.log"):
            log.unlink()
        self.stack.start_workers()
        logs = [self.stack.directory / f"{name}.log" for name in self.stack.workers]
        deadline = time.monotonic() + 30
        while not all(" ready." in log.read_text(errors="replace") for log in logs):
            if time.monotonic() > deadline:
                raise SystemExit(f"the workers do not start\n{self.stack.logs()}")
            time.sleep(0.05)

    def stop_workers(self) -> None:
        self.stack.stop()
        self.stack.workers.clear()

    def begin(self, names: Iterable[str], **terms: Any) -> str:
        """Start a move that does not cut over by itself, as `tranship move` does."""
        moved = tuple(TableName(SCHEMA, name) for name in names)
        terms = {"postpone_cut_over": True, **terms}
        request = MoveRequest(source=self.source, target=self.target, tables=moved, **terms)
        return self._start(request)

    def begin_alter(self, name: str, change: str) -> str:
        """Start an alter on the source that does not cut over by itself."""
        table = TableName(SCHEMA, name)
        request = AlterRequest(
            server=self.source, table=table, change=change, postpone_cut_over=True
        )
        return self._start(request)

    def _start(self, request: Request) -> str:
        from tasks.messages import send_advance  # needs the app that `stand` has made

        migration_id = start(self.pools, request, WHO)
        send_advance(request.target, migration_id)
        self.control = request.target
        return migration_id

    def turn_round(self) -> None:
        """What was the target is the source of the next move."""
        self.source, self.target = self.target, self.source

    def migration(self, migration_id: str) -> Migration:
        with self.pools.begin(self.control) as control:
            return read_migration(control, migration_id)

    def keys_touched(self, migration_id: str) -> int:
        """How many rows the touched key logs have."""
        with self.pools.begin(self.control) as control:
            tables = read_tables(control, migration_id)
            return sum(count_touched(control, table, _COUNTED) for table in tables)

    def wait_copied(self, migration_id: str) -> None:
        """
        Raises:
            SystemExit: it fails, or is not copied in time.
        """
        deadline = Deadline(f"{migration_id} is not copied")
        with self.asking(IS_COPIED.format(id=migration_id)) as ask:
            while True:
                copied, stage = ask()
                if copied:
                    return
                self._refuse_failed(migration_id, stage)
                deadline.pause()

    def wait_stage(self, migration_id: str, *stages: Stage) -> None:
        """
        Raises:
            SystemExit: it fails, or does not get there.
        """
        if not self.gets_to(migration_id, *stages):
            raise SystemExit(f"{migration_id} does not get to {stages[0]}")

    def gets_to(self, migration_id: str, *stages: Stage, limit_s: float = LIMIT_S) -> bool:
        """Whether it gets to one of the stages in time.

        Raises:
            SystemExit: it fails.
        """
        deadline = time.monotonic() + limit_s
        with self.asking(STAGE.format(id=migration_id)) as ask:
            while (stage := ask()[0]) not in stages:
                if time.monotonic() > deadline:
                    return False
                self._refuse_failed(migration_id, stage)
                time.sleep(_POLL_S)
        return True

    @contextmanager
    def asking(
        self, query: str, server: str | None = None
    ) -> Iterator[Callable[[], tuple[Any, ...]]]:
        """A function that asks for one row, as it is now, again and again: of the control schema.

        It is one plain statement on one connection: what asks often must cost little.
        """
        where = self.control if server is None else server
        with self.connect(where) as connection, connection.cursor() as cursor:
            connection.autocommit(True)

            def ask() -> tuple[Any, ...]:
                cursor.execute(query)
                (row,) = cursor.fetchall()
                return tuple(row)

            yield ask

    def refuse_failed(self, migration_id: str) -> None:
        """
        Raises:
            SystemExit: the migration has stopped, which no benchmark expects.
        """
        self._refuse_failed(migration_id, self.migration(migration_id).stage)

    def _refuse_failed(self, migration_id: str, stage: str) -> None:
        if stage == Stage.FAILED:
            failure = self.migration(migration_id).failure
            raise SystemExit(f"{migration_id} has failed: {failure}\n{self.stack.logs()}")

    def discard(self, migration_id: str, *, keep_logs: bool = False) -> None:
        """Abort the migration and remove what it has left behind."""
        abort(self.pools, self.control, migration_id, WHO)
        self.wait_stage(migration_id, Stage.ABORTED)
        self.clean_up(migration_id, keep_logs=keep_logs)

    def cut_over(self, migration_id: str) -> None:
        cut_over(self.pools, self.control, migration_id, WHO)

    def clean_up(self, migration_id: str, *, keep_logs: bool = False) -> None:
        """Remove what the migration has left behind, and the servers' binary logs.

        `keep_logs`: a file system that discards deleted blocks is busy with those of a binary log
        for half a minute, at the expense of what is measured next.
        """
        clean_up(self.pools, self.control, migration_id, WHO)
        purge = () if keep_logs else (_PURGE,)  # each move of a large table logs it once more
        for server in (self.source, self.target):
            self.run(server, "FLUSH BINARY LOGS", *purge)

    def is_copied(self, migration_id: str) -> bool:
        return bool(self.value(self.control, IS_COPIED.format(id=migration_id)))


class Deadline:
    """Every loop of a benchmark ends by itself."""

    def __init__(self, what: str, limit_s: float = LIMIT_S) -> None:
        self._what = what
        self._at = time.monotonic() + limit_s

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._at

    def pause(self, seconds: float = _POLL_S) -> None:
        """
        Raises:
            SystemExit: it takes too long.
        """
        if self.is_over:
            raise SystemExit(f"{self._what} in time")
        time.sleep(seconds)


@contextmanager
def stand(programs: Programs, tls: str) -> Iterator[Stand]:
    """Servers with an empty schema `bench`; the caller starts the workers."""
    with (
        tempfile.TemporaryDirectory(prefix="tranship-bench-") as directory,
        running_stack(Path(directory), ("old", "new"), (SCHEMA,), _OPTIONS, tls) as stack,
    ):
        os.environ[PATH_VARIABLE] = str(stack.config)
        from workers.app import make_app  # reads the configuration while it is imported

        settings = load_settings(stack.config)
        make_app(settings)  # messages go to this stand's Redis
        pools = Pools(settings)
        try:
            one = Stand(stack, pools, programs, tls)
            one.empty("old")
            one.empty("new")
            yield one
        finally:
            pools.close()
