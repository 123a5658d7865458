"""Servers that are set up differently, and values that other movers were seen to change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, begin_move, wait_for
from tests.support.stack import Stack
from tests.support.workload import differences

SOURCE_IS = {
    "time_zone": "'-05:00'",
    "sql_mode": "''",
    "character_set_server": "'latin1'",
    "transaction_isolation": "'SERIALIZABLE'",
}
TARGET_IS = {
    "time_zone": "'+09:30'",
    "sql_mode": "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_BACKSLASH_ESCAPES,ANSI_QUOTES'",
    "character_set_server": "'utf8mb4'",
    "transaction_isolation": "'READ-UNCOMMITTED'",
}
DDL = """
CREATE TABLE {s}.odd (
  id INT AUTO_INCREMENT PRIMARY KEY,
  stamp TIMESTAMP(6) NULL, moment DATETIME(3), day DATE, t TIME(2), y YEAR,
  single FLOAT, twice DOUBLE, exact DECIMAL(65,30),
  one VARCHAR(50) CHARACTER SET latin1, two VARCHAR(50) CHARACTER SET gbk,
  three VARCHAR(50) CHARACTER SET sjis, four VARCHAR(50) CHARACTER SET utf16,
  label ENUM('é','ü','x') CHARACTER SET latin1, flags SET('a','é') CHARACTER SET latin1,
  bits BIT(64), raw VARBINARY(300), doc JSON, place POINT SRID 4326, big BIGINT UNSIGNED
) DEFAULT CHARSET utf8mb4
"""
ROWS = (
    "NULL, '2024-03-10 02:30:00.123456', '2024-03-31 02:30:00.125', '0000-00-00', '-838:59:59',"
    " 1901, 16777216, 5e-324, '-0.000000000000000000000000000001', _utf8mb4'é\\\\ß', _gbk x'815C',"
    " _sjis x'955C5C', _utf8mb4'☃𝄞', 1, 3, b'1', UNHEX('00090A0D1A225C27FF'),"
    ' \'{"a": [1, 2.5, null, "\\\\u0000é"], "d": 1e300}\', ST_GeomFromText(\'POINT(1 2)\', 4326),'
    " 18446744073709551615",
    "NULL, '1970-01-01 00:00:01', '0000-00-00 00:00:00', '2024-02-29', '838:59:59', 2155, -0.0,"
    " 1.7976931348623157e308, 99999999999999999999999999999999999.999999999999999999999999999999,"
    " '', '', '', '', 2, '', b'0', '', 'null', NULL, 0",
    "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
    " NULL, NULL, NULL, NULL, NULL",
    "NULL, '2038-01-19 03:14:07.999999', '9999-12-31 23:59:59.999', '2024-13-41', '00:00:00', 0,"
    " 3.4028235e38, 0.1, 1, 'a  ', 'a  ', 'a  ', 'a  ', 'x', 'a,é', b'1111', ' ', '\"\\\\\\\\N\"',"
    " NULL, 1",
)


@pytest.fixture
def differing(pools: Pools) -> Iterator[None]:
    """Both servers with their globals at odds, before any worker connects."""
    before: dict[tuple[str, str], Any] = {}
    for server, wanted in ((SOURCE, SOURCE_IS), (TARGET, TARGET_IS)):
        with pools.begin(server) as connection:
            for name, value in wanted.items():
                before[server, name] = run(connection, f"SELECT @@GLOBAL.{name}").rows[0][0]
                run(connection, f"SET GLOBAL {name} = {value}")
    yield
    for (server, name), value in before.items():
        with pools.begin(server) as connection:
            run(connection, f"SET GLOBAL {name} = '{value}'")


def insert(cursor: Any, schema: str) -> None:
    """As an old application would: no strict mode, zero and impossible dates."""
    cursor.execute("SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'")
    for row in ROWS:
        if "2024-13-41" in row:
            row = row.replace("2024-13-41", "2024-02-31")
        cursor.execute(f"INSERT INTO {schema}.odd VALUES ({row})")


@pytest.mark.usefixtures("differing")
def test_no_value_changes_between_servers_that_differ_in_everything(
    pools: Pools, connect: Connect, schema: str, stack: Stack
) -> None:
    """By row copy, and by the binary log: shifted TIMESTAMPs, corrupted text, rounded FLOATs."""
    source = connect(SOURCE, autocommit=True, charset="utf8mb4")
    with source.cursor() as cursor:
        cursor.execute(DDL.format(s=schema))
        insert(cursor, schema)
        stack.start()
        migration_id = begin_move(pools, schema, ["odd"], postponed=True)
        wait_for(pools, migration_id, Stage.READY, logs=stack.logs)
        insert(cursor, schema)
        cursor.execute(f"UPDATE {schema}.odd SET big = 7, single = 0.1 WHERE id IN (1, 3)")
        cursor.execute(f"DELETE FROM {schema}.odd WHERE id = 2")

    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    names = (f"{schema}._odd_del", f"{schema}.odd")
    ours, theirs = (connect(server, charset="utf8mb4") for server in (SOURCE, TARGET))
    assert differences(ours, theirs, names) == []
    with ours.cursor() as one, theirs.cursor() as other:
        for cursor, name in ((one, names[0]), (other, names[1])):
            cursor.execute("SET SESSION time_zone = '+00:00', sql_mode = ''")
            cursor.execute(f"CHECKSUM TABLE {name}")
        assert one.fetchone()[1] == other.fetchone()[1]
