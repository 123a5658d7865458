"""What the other flavour can't hold is refused before the first write, by name (I8)."""

from __future__ import annotations

import pytest

from pipeline.domain.request import AlterRequest
from pipeline.mysql.flavours import visible_gtids, wait_until_executed
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import Scope, Severity
from pipeline.preflight.registry import run_preflight
from tests.support.moves import SOURCE, TARGET, move_request

_MYSQL_ONLY = [
    ("j JSON", "document"),
    ("v VECTOR(3)", "vector"),
    ("n INT INVISIBLE", "INVISIBLE"),
    ("v VARCHAR(9) COLLATE utf8mb4_0900_ai_ci", "utf8mb4_0900_ai_ci"),
    ("f DOUBLE NOT NULL, PRIMARY KEY (f)", "the two flavours write differently"),
    ("g GEOMETRYCOLLECTION", "geomcollection"),
]
_MARIADB_ONLY = [
    ("u UUID", "uuid"),
    ("a INET6", "inet6"),
    ("v VARCHAR(900) COMPRESSED", "COMPRESSED"),
    ("v VARCHAR(9) COLLATE utf8mb4_uca1400_as_cs", "utf8mb4_uca1400_as_cs"),
    ("f FLOAT NOT NULL, PRIMARY KEY (f)", "the two flavours write differently"),
    ("a INET4", "inet4"),
]
CASES = {"mysql": _MYSQL_ONLY, "mariadb": _MARIADB_ONLY}


def refusals(pools: Pools, schema: str) -> str:
    request = move_request(schema, "t")
    found = run_preflight(pools, request, Scope.START)
    return " ".join(
        f"{one.explanation} {one.remedy}" for one in found if one.severity is Severity.REFUSED
    )


@pytest.mark.parametrize("number", range(6))
def test_what_the_other_flavour_lacks_is_refused_by_name(
    number: int, flavours: tuple[str, str], pools: Pools, schema: str
) -> None:
    if flavours[0] == flavours[1]:
        pytest.skip("both know it")
    columns, reason = CASES[flavours[0]][number]
    key = "" if "PRIMARY" in columns else "id INT PRIMARY KEY, "
    with pools.begin(SOURCE) as source:
        run(
            source,
            f"CREATE TABLE {schema}.t ({key}{columns}) CHARACTER SET utf8mb4"
            " COLLATE utf8mb4_general_ci",
        )
    assert reason in refusals(pools, schema)


def test_a_plain_table_is_not_refused(pools: Pools, schema: str) -> None:
    with pools.begin(SOURCE) as source:
        run(
            source,
            f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(9), d DOUBLE) CHARACTER SET"
            " utf8mb4 COLLATE utf8mb4_general_ci",
        )
    assert refusals(pools, schema) == ""


def test_a_target_made_by_hand_is_compared_by_what_it_means(pools: Pools, schema: str) -> None:
    statement = (
        f"CREATE TABLE {schema}.t (id INT(9) PRIMARY KEY, v VARCHAR(9) DEFAULT 'x')"
        " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
    )
    with pools.begin(SOURCE) as source:
        run(source, statement)
    with pools.begin(TARGET) as target:
        run(target, f"CREATE DATABASE IF NOT EXISTS {schema}")
        run(target, statement)
    assert refusals(pools, schema) == ""
    with pools.begin(TARGET) as target:
        run(target, f"ALTER TABLE {schema}.t MODIFY v VARCHAR(8) DEFAULT 'x'")
    assert "varchar(8)" in refusals(pools, schema)


def test_readers_see_what_was_committed_before_the_position_was_read(
    pools: Pools, schema: str
) -> None:
    """A position ahead of its readers would lose the rows in between."""
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    for number in range(30):
        with pools.begin(SOURCE) as source:
            run(source, f"INSERT INTO {schema}.t VALUES ({number})")
        with pools.begin(SOURCE) as reader:
            position = visible_gtids(reader)
            assert wait_until_executed(reader, position, 1)
            assert run(reader, f"SELECT COUNT(*) FROM {schema}.t").rows == ((number + 1,),)


@pytest.mark.parametrize("action", ["CASCADE", "RESTRICT"])
def test_a_cascade_that_is_not_in_the_binary_log_is_refused(
    action: str, flavours: tuple[str, str], pools: Pools, schema: str
) -> None:
    options = " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.p (id INT PRIMARY KEY){options}")
        run(
            source,
            f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, CONSTRAINT f FOREIGN KEY (id)"
            f" REFERENCES {schema}.p (id) ON DELETE {action}){options}",
        )
    request = move_request(schema, "t", "p")
    found = run_preflight(pools, request, Scope.START)
    said = [one.explanation for one in found if one.severity is Severity.REFUSED]
    unseen = action == "CASCADE" and flavours[0] == "mariadb"
    assert len(said) == unseen
    if unseen:
        assert "foreign key f with CASCADE" in said[0]


def test_mariadb_shows_no_metadata_locks_so_an_alter_is_refused_there(
    flavours: tuple[str, str], pools: Pools, schema: str
) -> None:
    server = SOURCE if flavours[0] == "mariadb" else TARGET
    with pools.begin(server) as connection:
        run(connection, f"CREATE DATABASE IF NOT EXISTS {schema}")
        run(connection, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    request = AlterRequest(server=server, table=TableName(schema, "t"), change="ADD COLUMN c INT")
    found = [
        one.explanation
        for one in run_preflight(pools, request, Scope.START)
        if one.severity is Severity.REFUSED
    ]
    assert found == [f"{server} is MariaDB, which does not show what a rename waits for."]
