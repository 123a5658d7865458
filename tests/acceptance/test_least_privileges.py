"""A complete move with the privileges of ops/examples and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.dev.sandbox.least_privileges import least_privileges
from pipeline.commands.clean_up import clean_up
from pipeline.commands.resume import resume
from pipeline.commands.start import start
from pipeline.configuration.load import load_settings
from pipeline.domain.stages import Stage
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from tests.conftest import Connect
from tests.support.alters import begin_alter, differences_from_native, make_table
from tests.support.moves import SOURCE, TARGET, move_request, wait_for
from tests.support.stack import Stack
from tests.support.workload import TABLES, Workload, create_tables, differences

ROWS = 2000


def as_user(config_file: Path, user: str, directory: Path) -> Path:
    """The same configuration, for a user with the password `least`."""
    path = directory / "tranship.toml"
    text = re.sub(r'^user = ".*"$', f'user = "{user}"', config_file.read_text(), flags=re.M)
    path.write_text(re.sub(r'^password = ".*"$', 'password = "least"', text, flags=re.M))
    return path


@pytest.fixture
def least(
    pools: Pools, config_file: Path, schema: str, tmp_path: Path
) -> Iterator[tuple[Pools, Stack]]:
    """Pools and workers that log in as such a user."""
    for side, server in (("source", SOURCE), ("target", TARGET)):
        with pools.begin(server) as connection:
            mariadb = is_mariadb(connection)
            for statement in least_privileges(
                [schema], "least", sides=[side], user=schema, mariadb=mariadb
            ):
                run(connection, statement)
    path = as_user(config_file, schema, tmp_path)
    stack, weak = Stack(path, tmp_path), Pools(load_settings(path))
    yield weak, stack
    weak.close()
    stack.kill()
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
    migration_id = start(pools, move_request(schema, *TABLES), "test")
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    writers.stop()
    source, target = connect(SOURCE), connect(TARGET)
    for name in TABLES:
        names = (f"{schema}._{name}_del", f"{schema}.{name}")
        assert differences(source, target, names) == []
    source.rollback()  # or the clean-up would wait for it
    dropped = clean_up(pools, TARGET, migration_id, "test", gently=lambda _: None)
    assert len(dropped) == len(TABLES)


@pytest.mark.long
def test_a_trigger_that_the_target_refuses_is_found_before_the_rename(
    least: tuple[Pools, Stack], pools: Pools, connect: Connect, schema: str
) -> None:
    """Its definer is somebody that our user may not name; past the rename it would be late."""
    weak, stack = least
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v INT)")
        run(
            source,
            f"CREATE TRIGGER {schema}.made_by_us BEFORE INSERT ON {schema}.t FOR EACH ROW"
            " SET NEW.v = 1",
        )
    stack.start()
    migration_id = start(weak, move_request(schema, "t", with_triggers=True), "test")
    migration = wait_for(pools, migration_id, Stage.FAILED, logs=stack.logs)
    assert migration.failure is not None
    assert "Trigger made_by_us" in migration.failure.explanation
    assert "log_bin_trust_function_creators" in migration.failure.remedy
    with pools.begin(SOURCE) as source:
        assert table_exists(source, TableName(schema, "t"))
    with pools.begin(TARGET) as target:
        tables = run(target, f"SHOW TABLES FROM {schema}").rows
        assert tables == (("t",),), "the rehearsal leaves nothing behind"
        run(target, f"GRANT ALL ON *.* TO '{schema}'@'%'")
    stack.stop()  # privileges are those of a new session
    stack.start()
    resume(weak, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    with connect(TARGET).cursor() as cursor:
        cursor.execute(f"INSERT INTO {schema}.t (id) VALUES (7)")
        cursor.execute(f"SELECT v FROM {schema}.t")
        assert cursor.fetchone() == (1,)


def test_an_alter_needs_no_privilege_that_the_examples_do_not_grant(
    pools: Pools, config_file: Path, connect: Connect, schema: str, stack: Stack, tmp_path: Path
) -> None:
    make_table(connect(TARGET), schema, "t", 2000)
    for statement in least_privileges([schema], "least", sides=["alter"], user=schema):
        with pools.begin(TARGET) as connection:
            run(connection, statement)
    stack.config = as_user(config_file, schema, tmp_path)
    weak = Pools(load_settings(stack.config))
    stack.start()
    try:
        ddl = "ADD COLUMN c INT, MODIFY n DOUBLE, CONVERT TO CHARACTER SET utf8mb4"
        migration_id = begin_alter(weak, schema, "t", ddl)
        wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
        assert differences_from_native(connect(TARGET), schema, "t", ddl) == []
        dropped = clean_up(weak, TARGET, migration_id, "test", gently=lambda _: None)
        assert len(dropped) == 1
    finally:
        weak.close()
        with pools.begin(TARGET) as connection:
            run(connection, f"DROP USER '{schema}'@'%'")
