"""A whole move with the privileges of ops/examples and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.configuration.load import load_settings
from pipeline.control.records import Options, Stage
from pipeline.coordinate import control
from pipeline.coordinate.start import start_move
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import MoveRequest
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, wait_for
from tests.support.stack import Stack
from tests.support.workload import TABLES, Workload, create_tables, differences

_EXAMPLES = Path(__file__).resolve().parents[2] / "ops" / "examples"
ROWS = 2000


def statements(side: str, schema: str, user: str) -> list[str]:
    """The GRANTs of one side, for our schema and user."""
    text = (_EXAMPLES / f"least-privileges-{side}.sql").read_text()
    text = re.sub(r"^--.*$", "", text, flags=re.M)
    text = text.replace("`shop`", f"`{schema}`").replace("'tranship'@", f"'{user}'@")
    text = text.replace("BY RANDOM PASSWORD", "BY 'least'")
    return [one.strip() for one in text.split(";") if one.strip()]


@pytest.fixture
def least(
    pools: Pools, config_file: Path, schema: str, tmp_path: Path
) -> Iterator[tuple[Pools, Stack]]:
    """Pools and workers that log in as such a user."""
    for side, server in (("source", SOURCE), ("target", TARGET)):
        for statement in statements(side, schema, schema):
            with pools.begin(server) as connection:
                run(connection, statement)
    path = tmp_path / "tranship.toml"
    text = re.sub(r'^user = ".*"$', f'user = "{schema}"', config_file.read_text(), flags=re.M)
    path.write_text(re.sub(r'^password = ".*"$', 'password = "least"', text, flags=re.M))
    stack, weak = Stack(path, tmp_path), Pools(load_settings(path))
    yield weak, stack
    weak.close()
    stack.stop()
    for server in (SOURCE, TARGET):
        with pools.begin(server) as connection:
            run(connection, f"DROP USER '{schema}'@'%'")


def test_a_move_needs_no_privilege_that_the_examples_do_not_grant(
    least: tuple[Pools, Stack], connect: Connect, schema: str
) -> None:
    pools, stack = least
    create_tables(connect(), schema, ROWS)
    writers = Workload(lambda: connect(SOURCE), schema, ROWS, seed=21).start()
    stack.start()
    request = MoveRequest(SOURCE, TARGET, tuple(TableName(schema, name) for name in TABLES))
    migration_id = start_move(pools, request, Options(), False, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    writers.stop()
    source, target = connect(SOURCE), connect(TARGET)
    for name in TABLES:
        names = (f"{schema}._{name}_del", f"{schema}.{name}")
        assert differences(source, target, names) == []
    source.rollback()  # or the clean-up would wait for it
    assert len(control.clean_up(pools, TARGET, migration_id, "test")) == len(TABLES)
