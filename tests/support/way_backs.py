"""A move with a way back, taken there and back without Celery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.commands.way_back import roll_back
from pipeline.control.migration_tables import read_tables
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import way_back_id
from pipeline.mysql.pools import Pools, run
from tests.support.coordinators import Coordinators, streaming
from tests.support.cut_overs import TABLES, ReadyMove, ready_move
from tests.support.hooks import Hooks
from tests.support.moves import SOURCE, TARGET, read, story

RETIRED = tuple(f"_{name}_del" for name in TABLES)


@dataclass
class Round:
    """A move of two tables, and the migrations that take it back, and forth again."""

    forward: ReadyMove
    _streams: ExitStack = field(default_factory=ExitStack)

    @property
    def pools(self) -> Pools:
        return self.forward.pools

    @property
    def hooks(self) -> Hooks:
        return self.forward.hooks

    @property
    def way_back(self) -> Coordinators:
        """Whoever coordinates the way back, which is on the old server."""
        there = self.forward.coordinators
        return Coordinators(there.pools, way_back_id(there.migration_id), SOURCE)

    @property
    def way_forward(self) -> Coordinators:
        """The same, of the way back of the way back."""
        there = self.way_back
        return Coordinators(there.pools, way_back_id(there.migration_id), TARGET)

    def go(self) -> Coordinators:
        """Cut over; returns the way back, followed from now on."""
        self.forward.allow()
        return self.gone()

    def gone(self) -> Coordinators:
        """The same, when the cut-over was allowed before."""
        self.forward.coordinators.until(Stage.DONE)
        return self.followed(self.way_back)

    def followed(self, way: Coordinators) -> Coordinators:
        self._streams.enter_context(streaming(way.pools, way.migration_id, way.target))
        return way

    def ask(self, way: Coordinators) -> None:
        """Ask for the roll-back that this is."""
        roll_back(self.pools, way.target, way.migration_id, "test")

    def take(self, way: Coordinators) -> None:
        """Roll back by it."""
        self.ask(way)
        way.until(Stage.DONE)

    def end_streams(self) -> None:
        self._streams.close()

    def write(self, server: str, number: int, value: str = "w") -> None:
        """As the application would, where its tables are."""
        with self.pools.begin(server) as link:
            for name in TABLES:
                table = f"{self.forward.schema}.{name}"
                run(link, f"REPLACE INTO {table} VALUES (1, '{value}'), ({number}, '{value}')")
                run(link, f"DELETE FROM {table} WHERE id = 2")

    def tables(self, server: str) -> list[str]:
        with self.pools.begin(server) as link:
            return [
                str(row[0]) for row in run(link, f"SHOW TABLES FROM {self.forward.schema}").rows
            ]

    def rows(self, server: str, retired: bool = False) -> list[list[tuple[object, ...]]]:
        names = RETIRED if retired else TABLES
        return [self.forward.rows(server, name) for name in names]

    def read(self, way: Coordinators) -> Migration:
        return read(self.pools, way.migration_id, way.target)

    def read_tables(self, way: Coordinators) -> list[MigrationTable]:
        with self.pools.begin(way.target) as control:
            return read_tables(control, way.migration_id)

    def story(self, way: Coordinators) -> str:
        return story(self.pools, way.migration_id, way.target)

    def key_tables(self, way: Coordinators) -> list[str]:
        """What the control schema keeps beside the rows of a migration's tables."""
        numbers = {str(table.id) for table in self.read_tables(way)}
        with self.pools.begin(way.target) as link:
            found = [str(row[0]) for row in run(link, "SHOW TABLES FROM tranship").rows]
        return [name for name in found if name.rpartition("_")[2] in numbers]


@contextmanager
def ready_round(
    pools: Pools, schema: str, directory: Path, *, trigger: str | None = None, **cut_over: float
) -> Iterator[Round]:
    """Postponed still. `trigger`: as in `ready_move`."""
    with ready_move(pools, schema, directory, trigger=trigger, way_back_s=3600, **cut_over) as move:
        there = Round(move)
        try:
            yield there
        finally:
            there.end_streams()
