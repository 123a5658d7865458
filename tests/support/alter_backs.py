"""An alter with a way back, taken there and back without Celery.

It adds a column, drops one, widens one and renames one; the table has a trigger, a counter, and a
second unique key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.commands import control
from pipeline.commands.way_back import roll_back
from pipeline.domain.migration import Migration
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import way_back_id
from pipeline.mysql.pools import Pools, run
from tests.support.alters import SERVER, begin_alter, leftovers, skip_on_mariadb
from tests.support.coordinators import Coordinators, hurried, streaming
from tests.support.hooks import Hooks
from tests.support.moves import read, story

OLD, NEW = "t_tranship_old", "t_tranship_new"
LOG = "log"  # of the trigger
CHANGE = (
    "ADD COLUMN made INT NOT NULL DEFAULT 7, DROP COLUMN note, MODIFY n INT NOT NULL DEFAULT 0,"
    " RENAME COLUMN v TO label"
)
Rows = list[tuple[object, ...]]


@dataclass
class AlterRound:
    """The alter, and the migrations that take it back, and forth again."""

    pools: Pools
    schema: str
    hooks: Hooks
    forward: Coordinators
    _streams: ExitStack = field(default_factory=ExitStack)

    @property
    def way_back(self) -> Coordinators:
        return Coordinators(self.forward.pools, way_back_id(self.forward.migration_id), SERVER)

    @property
    def way_forward(self) -> Coordinators:
        """Whoever coordinates the way back of the way back."""
        there = self.way_back
        return Coordinators(there.pools, way_back_id(there.migration_id), SERVER)

    def allow(self) -> None:
        control.cut_over(self.pools, SERVER, self.forward.migration_id, "test")

    def go(self) -> Coordinators:
        """Cut over; returns the way back, followed from now on."""
        self.allow()
        self.forward.until(Stage.DONE)
        return self.followed(self.way_back)

    def followed(self, way: Coordinators) -> Coordinators:
        self._streams.enter_context(streaming(way.pools, way.migration_id, SERVER))
        return way

    def ask(self, way: Coordinators) -> None:
        """Ask for the roll-back that this is."""
        roll_back(self.pools, SERVER, way.migration_id, "test")

    def take(self, way: Coordinators) -> None:
        """Roll back by it."""
        self.ask(way)
        way.until(Stage.DONE)

    def end_streams(self) -> None:
        self._streams.close()

    def run(self, *statements: str) -> Rows:
        """As the application would, in one transaction; `{t}` is the table."""
        found: Rows = []
        with self.pools.begin(SERVER) as server:
            for one in statements:
                found = list(run(server, one.format(t=f"{self.schema}.t", s=self.schema)).rows)
        return found

    @property
    def old_rows(self) -> Rows:
        """When the old table has the name."""
        return self.run("SELECT id, v, n, note, code FROM {t} ORDER BY id")

    @property
    def new_rows(self) -> Rows:
        """When the changed table has it."""
        return self.run("SELECT id, label, n, made, code FROM {t} ORDER BY id")

    @property
    def tables(self) -> list[str]:
        return [name for name in leftovers(self.pools, self.schema) if name != LOG]

    @property
    def own_tables(self) -> list[str]:
        """What the control schema keeps beside its own tables."""
        with self.pools.begin(SERVER) as server:
            numbers = "SELECT id FROM tranship.migration_tables WHERE migration_id"
            ids = ", ".join(
                f"'{one.migration_id}'" for one in (self.forward, self.way_back, self.way_forward)
            )
            found = {str(row[0]) for row in run(server, f"{numbers} IN ({ids})").rows}
            names = [str(row[0]) for row in run(server, "SHOW TABLES FROM tranship").rows]
        return [name for name in names if name.rpartition("_")[2] in found]

    @property
    def fired(self) -> int:
        """How often the trigger did."""
        ((number,),) = self.run(f"SELECT COUNT(*) FROM {{s}}.{LOG}")
        return int(str(number))

    def read(self, way: Coordinators) -> Migration:
        return read(self.pools, way.migration_id, SERVER)

    def story(self, way: Coordinators) -> str:
        return story(self.pools, way.migration_id, SERVER)


@contextmanager
def ready_alter_round(pools: Pools, schema: str, directory: Path) -> Iterator[AlterRound]:
    """Postponed still. `schema` does not exist yet on this server."""
    skip_on_mariadb(pools)
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(server, f"CREATE TABLE {schema}.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9),"
                    " n SMALLINT NOT NULL DEFAULT 0, note VARCHAR(20) NOT NULL DEFAULT 'none',"
                    " code INT UNIQUE)")  # fmt: skip
        run(server, f"CREATE TABLE {schema}.{LOG} (n INT AUTO_INCREMENT PRIMARY KEY)")
        run(server, f"CREATE TRIGGER {schema}.noted AFTER INSERT ON {schema}.t FOR EACH ROW"
                    f" INSERT INTO {schema}.{LOG} VALUES (NULL)")  # fmt: skip
        run(server, f"INSERT INTO {schema}.t VALUES (1, 'a', 1, 'first', 10),"
                    " (2, 'b', 2, 'second', 20), (3, 'c', 3, 'third', 30)")  # fmt: skip
    options = {"with_triggers": True, "renames": {"v": "label"}}
    with alter_round(pools, schema, directory, CHANGE, **options) as there:
        yield there


@contextmanager
def alter_round(
    pools: Pools, schema: str, directory: Path, change: str, **options: Any
) -> Iterator[AlterRound]:
    """The same for table `t` as it is."""
    hooks = Hooks(directory)
    migration_id = begin_alter(
        pools, schema, "t", change, postponed=True, hooks=hooks.commands, way_back_s=3600,
        **options,
    )  # fmt: skip
    with hurried(pools) as quick, streaming(pools, migration_id):
        there = AlterRound(pools, schema, hooks, Coordinators(quick, migration_id))
        there.forward.until(Stage.READY)
        try:
            yield there
        finally:
            there.end_streams()
