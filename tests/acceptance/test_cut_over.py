"""What the application sees of a cut-over, and what a hook may do to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymysql
import pytest

from pipeline.commands import control
from pipeline.commands.resume import resume
from pipeline.control.migrations import change_request
from pipeline.control.schema import read_now
from pipeline.domain.stages import Stage
from pipeline.domain.window import Window
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from pipeline.status.progress import read_progress
from tests.conftest import Connect
from tests.support.hooks import Hooks
from tests.support.moves import SOURCE, TARGET, begin_move, read, story, wait_for, wait_until
from tests.support.selection import some
from tests.support.stack import Stack


@dataclass
class Application:
    """Writes numbered rows where it is told to, and remembers what was acknowledged."""

    connect: Connect
    schema: str
    where: Callable[[], str]
    number: int
    acknowledged: dict[str, list[int]] = field(default_factory=dict)
    refusals: list[float] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Application:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        links: dict[str, pymysql.Connection[Any]] = {}
        row, refused_since = self.number, 0.0
        while not self._stopping.is_set():
            server = self.where()
            if server not in links:
                links[server] = self.connect(server)
            link = links[server]
            try:
                with link.cursor() as cursor:
                    cursor.execute(
                        f"INSERT INTO {self.schema}.entries (id, place) VALUES ({row}, '{server}')"
                    )
                link.commit()
            except pymysql.err.ProgrammingError:  # the table is not there
                refused_since = refused_since or time.monotonic()
                time.sleep(0.005)
                continue
            if refused_since:
                self.refusals.append(time.monotonic() - refused_since)
                refused_since = 0.0
            self.acknowledged.setdefault(server, []).append(row)
            row += 10
            time.sleep(0.001)


@pytest.fixture
def hooks(tmp_path: Path) -> Hooks:
    return Hooks(tmp_path)


@pytest.fixture
def entries(pools: Pools, schema: str) -> str:
    with pools.begin(SOURCE) as source:
        run(
            source,
            f"CREATE TABLE {schema}.entries (id BIGINT PRIMARY KEY, place VARCHAR(9) NOT NULL)",
        )
    return f"{schema}.entries"


def in_place(pools: Pools, schema: str) -> bool:
    with pools.begin(SOURCE) as source:
        return table_exists(source, TableName(schema, "entries"))


def test_one_short_refusal_no_lost_write_and_never_two_writable_copies(
    pools: Pools, connect: Connect, schema: str, entries: str, shared_stack: Stack, hooks: Hooks
) -> None:
    applications = [
        Application(connect, schema, lambda: hooks.writes_to or SOURCE, number).start()
        for number in range(4)
    ]
    wait_until(
        lambda: all(len(each.acknowledged.get(SOURCE, [])) > 50 for each in applications),
        "the application does not write",
    )
    migration_id = begin_move(pools, schema, ["entries"], hooks=hooks.commands)
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    for application in applications:
        wait_until(
            lambda application=application: len(application.acknowledged.get(TARGET, [])) > 20,
            "the application does not write to the target",
        )
        application.stop()
    refusals = [application.refusals for application in applications]
    print("writes were refused for", [[f"{s:.2f} s" for s in each] for each in refusals])
    assert all(len(each) == 1 for each in refusals)

    written = {SOURCE: set[int](), TARGET: set[int]()}
    for application in applications:
        for server, rows in application.acknowledged.items():
            written[server].update(rows)
    with connect(TARGET).cursor() as cursor:
        cursor.execute(f"SELECT id, place FROM {entries}")
        found = dict(cursor.fetchall())
    expected = dict.fromkeys(written[SOURCE], SOURCE) | dict.fromkeys(written[TARGET], TARGET)
    assert found == expected
    # The source took its last write before the target took its first.
    assert not in_place(pools, schema)
    with connect(SOURCE).cursor() as cursor:
        cursor.execute(f"SELECT id FROM {schema}._entries_del")
        assert {row[0] for row in cursor.fetchall()} == written[SOURCE]


@pytest.mark.long  # short: integration/cutover/test_hooks
def test_a_failing_before_cut_over_hook_leaves_the_source_as_it_was(
    pools: Pools, connect: Connect, schema: str, entries: str, shared_stack: Stack, hooks: Hooks
) -> None:
    hooks.fail("before-cut-over")
    migration_id = begin_move(pools, schema, ["entries"], hooks=hooks.commands)
    wait_until(lambda: read(pools, migration_id).postponed, shared_stack.logs())
    assert read(pools, migration_id).stage is Stage.READY
    assert "hook before-cut-over exited 1: told to fail" in story(pools, migration_id)
    assert in_place(pools, schema)
    hooks.fail("before-cut-over", yes=False)
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    assert hooks.attempts("before-cut-over") == [1, 2]


@pytest.mark.long  # the same
def test_a_success_hook_that_fails_runs_again_until_it_succeeds(
    pools: Pools, connect: Connect, schema: str, entries: str, shared_stack: Stack, hooks: Hooks
) -> None:
    hooks.fail("on-success")
    migration_id = begin_move(pools, schema, ["entries"], hooks=hooks.commands)
    wait_until(lambda: len(hooks.attempts("on-success")) >= 2, shared_stack.logs())
    assert read(pools, migration_id).stage is Stage.SWITCHING
    assert not in_place(pools, schema)  # the target is the truth, told or not
    hooks.fail("on-success", yes=False)
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    attempts = hooks.attempts("on-success")
    assert attempts == list(range(1, len(attempts) + 1))


@pytest.mark.long  # short: unit/cutover/test_decisions
def test_a_postponed_cut_over_waits_until_it_is_allowed(
    pools: Pools, connect: Connect, schema: str, entries: str, shared_stack: Stack
) -> None:
    migration_id = begin_move(pools, schema, ["entries"], postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    time.sleep(3)
    assert read(pools, migration_id).stage is Stage.READY
    assert in_place(pools, schema)
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)


@pytest.mark.long  # the same
def test_a_cut_over_waits_for_its_window(
    pools: Pools, connect: Connect, schema: str, entries: str, shared_stack: Stack
) -> None:
    with pools.begin(TARGET) as control:
        now = read_now(control)
    closed = f"{now + timedelta(hours=5):%H:%M}-{now + timedelta(hours=6):%H:%M}"
    migration_id = begin_move(pools, schema, ["entries"], window=closed)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    time.sleep(3)
    assert read(pools, migration_id).stage is Stage.READY
    progress = read_progress(pools, TARGET, migration_id)
    assert progress.next == f"cut-over; waiting for its window, {closed} UTC"
    assert in_place(pools, schema)
    with pools.begin(TARGET) as control:  # time goes by
        request = replace(
            read(pools, migration_id).request, cut_over_window=Window.parse("00:00-23:59")
        )
        change_request(control, migration_id, request)
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)


@pytest.mark.long  # short: integration/cutover/test_move_late
def test_a_table_locked_by_a_long_transaction_is_not_waited_for_long(
    pools: Pools, connect: Connect, schema: str, entries: str, shared_stack: Stack
) -> None:
    """The rename gives up after cut_over.lock_wait_s, and is tried again later."""
    blocker = connect(SOURCE)
    with blocker.cursor() as cursor:
        cursor.execute(f"INSERT INTO {entries} VALUES (1, 'x')")  # not committed
    migration_id = begin_move(pools, schema, ["entries"])
    wait_until(lambda: read(pools, migration_id).attempt >= 2, story(pools, migration_id))
    assert in_place(pools, schema)
    blocker.commit()
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    with connect(TARGET).cursor() as cursor:
        cursor.execute(f"SELECT * FROM {entries}")
        assert cursor.fetchall() == ((1, "x"),)


def test_what_was_added_during_the_copy_is_refused_before_the_rename(
    pools: Pools, connect: Connect, schema: str, entries: str, shared_stack: Stack
) -> None:
    migration_id = begin_move(pools, schema, ["entries"], postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    with pools.begin(SOURCE) as source:
        run(
            source,
            f"CREATE TABLE {schema}.child (id INT PRIMARY KEY, e BIGINT,"
            f" CONSTRAINT f FOREIGN KEY (e) REFERENCES {entries} (id))",
        )
    control.cut_over(pools, TARGET, migration_id, "test")
    migration = wait_for(pools, migration_id, Stage.FAILED, logs=shared_stack.logs)
    assert migration.failure is not None
    assert "by foreign key f" in migration.failure.explanation
    assert in_place(pools, schema)
    with pools.begin(SOURCE) as source:
        run(source, f"DROP TABLE {schema}.child")
    resume(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)


@pytest.mark.parametrize(
    "ddl",
    some(
        [
            "ALTER TABLE {} ADD COLUMN c INT",
            "TRUNCATE TABLE {}",
            "DROP TABLE {}",
            "RENAME TABLE {} TO {}_2",
        ],
        "TRUNCATE TABLE {}",
    ),
)
def test_ddl_on_a_table_of_the_move_stops_it_by_name(
    pools: Pools, connect: Connect, schema: str, entries: str, shared_stack: Stack, ddl: str
) -> None:
    migration_id = begin_move(pools, schema, ["entries"], postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    with pools.begin(SOURCE) as source:
        run(source, ddl.format(entries, entries))
    migration = wait_for(pools, migration_id, Stage.FAILED, logs=shared_stack.logs)
    assert migration.failure is not None
    assert entries in migration.failure.explanation
    assert ddl.split()[0] in migration.failure.explanation


def test_an_id_that_the_source_gave_out_is_not_given_out_again(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    """The row with the highest id is gone, but the counter has gone on."""
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.entries (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
        run(source, f"INSERT INTO {schema}.entries (v) VALUES (1), (2), (3)")
    migration_id = begin_move(pools, schema, ["entries"], postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    with pools.begin(SOURCE) as source:
        run(source, f"INSERT INTO {schema}.entries (v) VALUES (4), (5)")
        run(source, f"DELETE FROM {schema}.entries WHERE id > 2")
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    with connect(TARGET).cursor() as cursor:
        cursor.execute(f"INSERT INTO {schema}.entries (v) VALUES (6)")
        assert cursor.lastrowid == 6
