"""What can't be altered exactly is refused before the first write, and nothing is left behind."""

from __future__ import annotations

import pytest

from pipeline.commands.instant import try_instant
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from pipeline.mysql.triggers import read_triggers
from tests.conftest import Connect
from tests.support.alters import SERVER, alter_request, begin_alter, leftovers, make_table
from tests.support.background import writing
from tests.support.moves import scalar, wait_for
from tests.support.stack import Stack

REFUSED = (
    ("ADD COLUM c INT", "error in your SQL syntax"),
    ("ALTER TABLE t ADD COLUMN c INT", "Give only what follows the table's name"),
    ("ADD COLUMN c INT; DROP TABLE t", "semicolon"),
    ("", "nothing to change"),
    ("ADD COLUMN c INT, RENAME TO other", "another name"),
    ("RENAME other", "another name"),
    ("EXCHANGE PARTITION p WITH TABLE other", "exchanges a partition"),
    ("DISCARD TABLESPACE", "discards a tablespace"),
    ("RENAME COLUMN v TO w", "`renames={'v': 'w'}`"),
    ("CHANGE COLUMN v w VARCHAR(90)", "`renames={'v': 'w'}`"),
    ("DROP COLUMN v, ADD COLUMN v INT", "drops column v and adds another"),
    ("DROP PRIMARY KEY, MODIFY id BIGINT", "no unique key that the change leaves as it is"),
    ("MODIFY id VARCHAR(20)", "column id changes its order or values"),
    ("ENGINE = MyISAM", "out of InnoDB"),
    ("ADD COLUMN day DATE NOT NULL", "New column day is NOT NULL and has no DEFAULT"),
    ("ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES other (id)", "adds foreign key"),
    ("DROP COLUMN nonsense", "check that column/key exists"),
)


@pytest.mark.parametrize(("ddl", "said"), REFUSED)
def test_a_change_that_can_t_be_made_is_refused_and_leaves_nothing(
    pools: Pools, connect: Connect, schema: str, ddl: str, said: str
) -> None:
    make_table(connect(SERVER), schema, "t", 5)
    with connect(SERVER).cursor() as cursor:
        cursor.execute(f"CREATE TABLE {schema}.other (id INT PRIMARY KEY)")
    with pytest.raises(RefusedError, match=said):
        begin_alter(pools, schema, "t", ddl)
    assert leftovers(pools, schema) == ["other", "t"]


@pytest.mark.parametrize(
    ("renames", "said"),
    [
        ({"v": "x"}, "`renames={'v': 'w'}`"),
        ({"nonsense": "w", "v": "w"}, "No column nonsense"),
        ({"v": "w", "n": "m"}, "does not rename n to m"),
    ],
)
def test_a_rename_that_is_not_the_changes_is_refused(
    pools: Pools,
    connect: Connect,
    schema: str,
    renames: dict[str, str],
    said: str,
) -> None:
    make_table(connect(SERVER), schema, "t", 5)
    with pytest.raises(RefusedError, match=said):
        begin_alter(pools, schema, "t", "RENAME COLUMN v TO w", renames=renames)


def test_foreign_keys_from_and_to_the_table_are_refused_by_name(
    pools: Pools, connect: Connect, schema: str
) -> None:
    make_table(connect(SERVER), schema, "t", 5)
    with connect(SERVER).cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {schema}.child (id INT PRIMARY KEY, t BIGINT,"
            f" CONSTRAINT to_t FOREIGN KEY (t) REFERENCES {schema}.t (id))"
        )
    for table in ("t", "child"):
        with pytest.raises(RefusedError, match="by foreign key to_t, which would stay with"):
            begin_alter(pools, schema, table, "ADD COLUMN c INT")


@pytest.mark.parametrize("name", ["t_tranship_new", "t_tranship_old"])
def test_a_name_that_is_taken_is_refused_and_that_table_left_alone(
    pools: Pools, connect: Connect, schema: str, name: str
) -> None:
    make_table(connect(SERVER), schema, "t", 5)
    make_table(connect(SERVER), schema, name, 3)
    with pytest.raises(RefusedError, match=f"{name} exists"):
        begin_alter(pools, schema, "t", "ADD COLUMN c INT")
    assert scalar(connect(SERVER), f"SELECT COUNT(*) FROM {schema}.{name}") == 3


def test_a_key_in_another_collation_is_refused_before_the_copy(
    pools: Pools, connect: Connect, schema: str
) -> None:
    with connect(SERVER).cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {schema}")
        cursor.execute(f"CREATE TABLE {schema}.t (k VARCHAR(9) COLLATE utf8mb4_bin PRIMARY KEY)")
    with pytest.raises(RefusedError, match="column k changes its order or values"):
        begin_alter(pools, schema, "t", "MODIFY k VARCHAR(9) COLLATE utf8mb4_0900_ai_ci")


def test_two_alters_of_one_table_are_not_possible(
    pools: Pools, connect: Connect, schema: str
) -> None:
    make_table(connect(SERVER), schema, "t", 5)
    begin_alter(pools, schema, "t", "ADD COLUMN c INT", postponed=True)
    with pytest.raises(RefusedError, match="belongs to migration"):
        begin_alter(pools, schema, "t", "ADD COLUMN d INT")


def test_triggers_have_to_be_asked_for_and_then_miss_no_write(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    link = connect(SERVER)
    make_table(link, schema, "t", 1000)
    with link.cursor() as cursor:
        cursor.execute(f"USE {schema}")
        cursor.execute("CREATE TABLE audit (id BIGINT PRIMARY KEY)")
        cursor.execute(
            "CREATE TRIGGER log_it AFTER INSERT ON t FOR EACH ROW INSERT INTO audit VALUES (NEW.id)"
        )
    with pytest.raises(RefusedError, match=r"triggers \(log_it\).*`with_triggers=True`"):
        begin_alter(pools, schema, "t", "ADD COLUMN c INT")
    writer = connect(SERVER, autocommit=True)

    def write(number: int) -> None:
        with writer.cursor() as cursor:
            cursor.execute(f"INSERT INTO {schema}.t (id, v) VALUES ({10_000 + number}, 'x')")

    with writing(write) as end:
        migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT", with_triggers=True)
        wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
        end()
    written = f"SELECT COUNT(*) FROM {schema}.t WHERE id > 10000"
    audited = f"SELECT COUNT(*) FROM {schema}.audit"
    assert scalar(link, written) == scalar(link, audited) > 100
    with pools.begin(SERVER) as server:
        names = [trigger.name for trigger in read_triggers(server, TableName(schema, "t"))]
    assert names == ["log_it_tranship"]


@pytest.mark.parametrize(
    ("ddl", "algorithm"),
    [
        ("ADD COLUMN c INT DEFAULT 5", "ALGORITHM=INSTANT"),
        ("ALTER COLUMN n SET DEFAULT 3", "ALGORITHM=INSTANT"),
        ("MODIFY v VARCHAR(30) CHARACTER SET latin1", "ALGORITHM=INPLACE"),
        ("DROP INDEX by_n", "ALGORITHM=INPLACE"),
        ("RENAME INDEX by_n TO by_m", "ALGORITHM=INPLACE"),
        ("ADD INDEX (v)", None),
        ("MODIFY n BIGINT", None),
        ("MODIFY n BIGINT -- by all means", None),
        ("MODIFY v VARCHAR(300) CHARACTER SET latin1", None),
        ("ENGINE = InnoDB", None),
    ],
)
def test_only_what_just_touches_metadata_is_left_to_the_server(
    pools: Pools, connect: Connect, schema: str, ddl: str, algorithm: str | None
) -> None:
    make_table(connect(SERVER), schema, "t", 50)
    with pools.begin(SERVER) as server:
        run(server, f"ALTER TABLE {schema}.t ADD INDEX by_n (n)")
        before = run(server, f"SHOW CREATE TABLE {schema}.t").rows
    assert try_instant(pools, alter_request(schema, "t", ddl)) == algorithm
    with pools.begin(SERVER) as server:
        changed = run(server, f"SHOW CREATE TABLE {schema}.t").rows != before
    assert changed is (algorithm is not None)
    assert leftovers(pools, schema) == ["t"]


def test_a_table_without_a_key_is_refused_once_and_not_twice(
    pools: Pools, connect: Connect, schema: str
) -> None:
    with connect(SERVER).cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {schema}")
        cursor.execute(f"CREATE TABLE {schema}.t (a INT)")
    with pytest.raises(RefusedError) as refused:
        begin_alter(pools, schema, "t", "ADD COLUMN c INT")
    assert refused.value.explanation == f"{schema}.t has no usable key (it has no unique key)."
