"""A move and an alter that are ready to be cut over, with rows left to apply and to verify."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.commands import control
from pipeline.control.cut_over_parts import read_attempts
from pipeline.control.migrations import read_migration, record_failure
from pipeline.domain.cut_over_parts import Part
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.servers import auto_increment, create_statement
from pipeline.mysql.table import TableName
from tests.support.alters import SERVER, begin_alter, leftovers
from tests.support.coordinators import Coordinators, hurried, streaming
from tests.support.hooks import Hooks
from tests.support.moves import SOURCE, TARGET, begin_move

TABLES = ("one", "two")  # of a move
TRIGGER, COUNTER = "note", 11
LOG = "log"  # of the trigger on an alter's table


@dataclass
class ReadyMove:
    """A move of two tables, and who coordinates it."""

    pools: Pools
    schema: str
    hooks: Hooks
    coordinators: Coordinators

    @property
    def id(self) -> str:
        return self.coordinators.migration_id

    def write(self, number: int) -> None:
        """As the application would: a row that is there, and one that is not."""
        with self.pools.begin(SOURCE) as source:
            for name in TABLES:
                run(source, f"REPLACE INTO {self.schema}.{name} VALUES (1, 'x'), ({number}, 'y')")

    def rename_on_source(self, old: str, new: str) -> None:
        with self.pools.begin(SOURCE) as source:
            run(source, f"RENAME TABLE {self.schema}.{old} TO {self.schema}.{new}")

    def allow(self) -> None:
        control.cut_over(self.pools, TARGET, self.id, "test")

    def fail(self, why: str, *, resumable: bool = True) -> None:
        with self.pools.begin(TARGET) as link:
            record_failure(link, self.id, Failure(Role.STREAM, why, "", resumable))

    @property
    def source_tables(self) -> list[str]:
        with self.pools.begin(SOURCE) as source:
            return [str(row[0]) for row in run(source, f"SHOW TABLES FROM {self.schema}").rows]

    @property
    def in_place(self) -> bool:
        return self.source_tables == list(TABLES)

    def rows(self, server: str, name: str) -> list[tuple[object, ...]]:
        with self.pools.begin(server) as link:
            return list(run(link, f"SELECT * FROM {self.schema}.{name} ORDER BY id").rows)

    @property
    def next_id(self) -> int | None:
        """The first id that the new `one` would give out."""
        with self.pools.begin(TARGET) as target:
            name = TableName(self.schema, "one")
            return auto_increment(create_statement(target, name))

    @property
    def triggers(self) -> list[str]:
        """Those of the target's tables."""
        with self.pools.begin(TARGET) as target:
            return [str(row[0]) for row in run(target, f"SHOW TRIGGERS FROM {self.schema}").rows]

    def ends_done(self) -> None:
        self.coordinators.until(Stage.DONE)
        assert self.source_tables == [f"_{name}_del" for name in TABLES]
        for name in TABLES:
            assert self.rows(TARGET, name) == [(1, "x"), (2, "b"), (3, "y")]
        assert self.hooks.writes_to == TARGET
        parts = [Part.LOCK, Part.DRAIN, Part.VERIFY, Part.PROOF, Part.HOOK]
        _is_accounted_for(self.pools, TARGET, self.id, parts)

    def ends_as_it_began(self, stage: Stage) -> None:
        self.coordinators.until(stage)
        assert self.in_place
        self.write(3)
        assert self.hooks.attempts("on-success") == []


@contextmanager
def ready_move(
    pools: Pools, schema: str, directory: Path, *, trigger: str | None = None,
    way_back_s: float | None = None, **cut_over: float
) -> Iterator[ReadyMove]:  # fmt: skip
    """Postponed still: nothing is cut over before `allow`.

    `trigger`: what a trigger of the source sets `v` to; then it also has a counter that its rows
    do not tell.
    """
    key = "id INT AUTO_INCREMENT PRIMARY KEY"
    with pools.begin(SOURCE) as source:
        for name in TABLES:
            run(source, f"CREATE TABLE {schema}.{name} ({key}, v VARCHAR(9))")
            run(source, f"INSERT INTO {schema}.{name} VALUES (1, 'a'), (2, 'b')")
        if trigger is not None:
            run(source, f"CREATE TRIGGER {schema}.{TRIGGER} BEFORE INSERT ON {schema}.one"
                        f" FOR EACH ROW SET NEW.v = {trigger}")  # fmt: skip
            run(source, f"ALTER TABLE {schema}.one AUTO_INCREMENT = {COUNTER}")
    hooks = Hooks(directory)
    migration_id = begin_move(
        pools, schema, TABLES, postponed=True, hooks=hooks.commands,
        with_triggers=trigger is not None, way_back_s=way_back_s,
    )  # fmt: skip
    with hurried(pools, **cut_over) as quick, streaming(pools, migration_id):
        move = ReadyMove(pools, schema, hooks, Coordinators(quick, migration_id))
        move.coordinators.until(Stage.READY)
        move.write(3)
        yield move


@dataclass
class ReadyAlter:
    """An alter that adds a column to a table with a trigger, and who coordinates it."""

    pools: Pools
    schema: str
    hooks: Hooks
    coordinators: Coordinators

    @property
    def id(self) -> str:
        return self.coordinators.migration_id

    def run(self, statement: str) -> list[tuple[object, ...]]:
        with self.pools.begin(SERVER) as server:
            run(server, "SET SESSION lock_wait_timeout = 2")  # nothing is locked for good
            return list(run(server, statement).rows)

    def write(self, number: int) -> None:
        """As the application would: a row that is there, and one that is not."""
        self.run(f"REPLACE INTO {self.schema}.t (id, v) VALUES (1, 'x'), ({number}, 'y')")

    def allow(self) -> None:
        control.cut_over(self.pools, SERVER, self.id, "test")

    def fail(self, why: str) -> None:
        with self.pools.begin(SERVER) as link:
            record_failure(link, self.id, Failure(Role.STREAM, why, ""))

    @property
    def fired(self) -> int:
        """How often the trigger did."""
        ((number,),) = self.run(f"SELECT COUNT(*) FROM {self.schema}.{LOG}")
        return int(str(number))

    @property
    def tables(self) -> list[str]:
        return [name for name in leftovers(self.pools, self.schema) if name != LOG]

    def ends_done(self) -> None:
        self.coordinators.until(Stage.DONE)
        assert self.tables == ["t", "t_tranship_old"]
        rows = self.run(f"SELECT id, v, c FROM {self.schema}.t ORDER BY id")
        assert rows == [(1, "x", 7), (2, "b", 7), (3, "y", 7)]
        self.write(4)
        parts = [Part.LOCK, Part.DRAIN, Part.VERIFY, Part.PROOF, Part.SWAP]
        _is_accounted_for(self.pools, SERVER, self.id, parts)

    def ends_as_it_began(self, stage: Stage) -> None:
        self.coordinators.until(stage)
        rows = self.run(f"SELECT * FROM {self.schema}.t ORDER BY id")
        assert rows == [(1, "x"), (2, "b"), (3, "y")]
        self.write(3)
        assert self.hooks.attempts("on-success") == []


@contextmanager
def ready_alter(pools: Pools, schema: str, directory: Path, **options: Any) -> Iterator[ReadyAlter]:
    """Postponed still: nothing is cut over before `allow`."""
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(server, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(9))")
        run(server, f"CREATE TABLE {schema}.{LOG} (n INT AUTO_INCREMENT PRIMARY KEY)")
        run(server, f"CREATE TRIGGER {schema}.note AFTER INSERT ON {schema}.t FOR EACH ROW"
                    f" INSERT INTO {schema}.{LOG} VALUES (NULL)")  # fmt: skip
        run(server, f"INSERT INTO {schema}.t VALUES (1, 'a'), (2, 'b')")
    hooks = Hooks(directory)
    migration_id = begin_alter(
        pools, schema, "t", "ADD COLUMN c INT NOT NULL DEFAULT 7", postponed=True,
        hooks=hooks.commands, with_triggers=True, **options,
    )  # fmt: skip
    with hurried(pools) as quick, streaming(pools, migration_id):
        alter = ReadyAlter(pools, schema, hooks, Coordinators(quick, migration_id))
        alter.coordinators.until(Stage.READY)
        alter.write(3)
        yield alter


def _is_accounted_for(pools: Pools, target: str, migration_id: str, parts: list[Part]) -> None:
    """Whoever died on the way, all the time in which writes were blocked is in one of the parts."""
    with pools.begin(target) as link:
        migration, attempts = read_migration(link, migration_id), read_attempts(link, migration_id)
    assert [one.attempt for one in attempts] == list(range(1, migration.attempt + 1))
    assert [one.part for one in attempts[-1].parts] == parts
    assert all(one.ms >= 0 for attempt in attempts for one in attempt.parts)
    if migration.blocked_at is not None:  # an alter no longer says since when
        blocked_s = (migration.stage_since - migration.blocked_at).total_seconds()
        assert abs(attempts[-1].total_s - blocked_s) < 0.1
