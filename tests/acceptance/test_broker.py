"""Redis holds messages, never a fact: what it loses costs time and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, begin_move, read, story, wait_for, wait_until
from tests.support.selection import some
from tests.support.servers import Broker, running_broker
from tests.support.stack import Stack
from tests.support.workload import TABLES, Workload, create_tables, differences

ROWS = 4_000


@pytest.fixture
def broker() -> Iterator[Broker]:
    with running_broker() as broker:
        yield broker


@pytest.fixture
def stack(config_file: Path, broker: Broker, tmp_path: Path) -> Iterator[Stack]:
    """Workers on this test's broker."""
    path = tmp_path / "tranship.toml"
    text = re.sub(r'url = "redis://[^"]*"', f'url = "{broker.url}"', config_file.read_text())
    # Long enough for a cut-over, and not much longer: one of these tests waits for it.
    path.write_text(text.replace("[cut_over]\n", "[cut_over]\nlimit_s = 10\n"))
    stack = Stack(path, tmp_path)
    yield stack
    stack.kill()


def chunks_done(pools: Pools, migration_id: str) -> int:
    with pools.begin(TARGET) as control:
        return int(
            run(
                control,
                "SELECT COUNT(*) FROM tranship.chunks c JOIN tranship.migration_tables t"
                f" ON t.id = c.table_id WHERE migration_id = '{migration_id}' AND state = 'done'",
            ).rows[0][0]
        )


@pytest.mark.parametrize("lose", some(["flush", "restart"], "flush"))
def test_a_move_goes_on_by_itself_when_the_broker_loses_everything(
    pools: Pools, connect: Connect, schema: str, stack: Stack, broker: Broker, lose: str
) -> None:
    create_tables(connect(), schema, ROWS)
    writers = Workload(lambda: connect(SOURCE), schema, ROWS, seed=5, pause_s=0.005).start()
    stack.start(pause={"copy.claimed": {"delay": [0.1, 0.3]}})
    migration_id = begin_move(pools, schema, TABLES, chunk_rows=500)
    for more in (3, 10):
        wait_until(
            lambda more=more: chunks_done(pools, migration_id) >= more,
            f"the copy does not go on\n{story(pools, migration_id)}\n{stack.logs()}",
        )
        assert read(pools, migration_id).stage is Stage.COPYING, "too late: not in mid-copy"
        broker.flush() if lose == "flush" else broker.restart()
    wait_for(pools, migration_id, Stage.CONVERGING, Stage.READY, Stage.DONE, logs=stack.logs)
    broker.flush() if lose == "flush" else broker.restart()
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs, limit_s=120)
    writers.stop()
    for name in TABLES:
        names = (f"{schema}._{name}_del", f"{schema}.{name}")
        assert differences(connect(SOURCE), connect(TARGET), names) == []


@pytest.mark.long
def test_a_broker_that_dies_during_the_cut_over_does_not_keep_the_tables_away(
    pools: Pools, connect: Connect, schema: str, stack: Stack, broker: Broker, tmp_path: Path
) -> None:
    """The coordinator that renamed them stays until they are switched or given back."""
    create_tables(connect(), schema, 2000)
    mark, hold = tmp_path / "mark", tmp_path / "hold"
    hold.touch()
    stack.start("copy", "stream")
    stack.start("coordinate", pause={"cut-over.renamed": {"mark": str(mark), "hold": str(hold)}})
    writers = Workload(lambda: connect(SOURCE), schema, 2000, seed=6).start()
    migration_id = begin_move(pools, schema, TABLES)
    wait_until(mark.exists, f"no rename\n{stack.logs()}")
    stack.kill("copy", "stream")  # nobody drains
    broker.restart()
    stack.processes["coordinate"].poll()
    hold.unlink()
    wait_for(pools, migration_id, Stage.READY, logs=stack.logs, limit_s=60)
    writers.stop()
    again = Workload(lambda: connect(SOURCE), schema, 2000, seed=7).start()
    wait_until(lambda: again.commits > 10, "the source has not got its tables back")
    stack.start("copy", "stream")
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs, limit_s=90)
    again.stop()
    for name in TABLES:
        names = (f"{schema}._{name}_del", f"{schema}.{name}")
        assert differences(connect(SOURCE), connect(TARGET), names) == []
