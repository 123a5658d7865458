"""A conversion that would lose something stops, and names the row: nothing is cut silently."""

from __future__ import annotations

import re
from operator import itemgetter

import pytest

from pipeline.commands import control
from pipeline.commands.resume import resume
from pipeline.domain.migration import Failure
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.alters import SERVER, begin_alter, differences_from_native
from tests.support.moves import read, wait_for
from tests.support.selection import some
from tests.support.stack import Stack

TABLE = (
    "CREATE TABLE {}.t (id INT PRIMARY KEY, a INT NULL, b VARCHAR(30) CHARACTER SET utf8mb4,"
    " d DECIMAL(8,4), f DOUBLE, m DATETIME(3), e ENUM('x','y'), y BIGINT, r VARBINARY(9),"
    " j VARCHAR(40))"
)
FITS = "({n}, 1, 'b', 1.25, 2, '2024-01-01 00:00:00', 'x', {n}, x'010203040506070809', '[1]')"
# What is changed, the row that does not fit, and what is said of it.
Case = tuple[str, str, str]  # the change, what makes a row not fit, what is said of it
LOSSY: tuple[Case, ...] = (
    ("MODIFY b VARCHAR(3)", "b = 'much longer'", "too long for column 'b'|truncated.*'b'"),
    ("MODIFY a TINYINT", "a = 1000", "Out of range value for column 'a'"),
    ("MODIFY a INT NOT NULL", "a = NULL", "Column 'a' cannot be null"),
    ("MODIFY b VARCHAR(30) CHARACTER SET latin1", "b = 'snow ☃'", "Incorrect string value|Cannot"),
    ("MODIFY d DECIMAL(8,2)", "d = 1.2345", "truncated for column 'd'"),
    ("MODIFY f FLOAT", "f = 0.1", "f as float is not what it was"),
    ("MODIFY f INT", "f = 1.5", "f as int is not what it was"),
    ("MODIFY m DATETIME", "m = '2024-01-01 00:00:00.400'", "m as datetime is not what it was"),
    ("MODIFY m DATE", "m = '2024-01-01 12:00:00'", "m as date is not what it was|truncated"),
    ("MODIFY e ENUM('x')", "e = 'y'", "truncated for column 'e'"),
    ("MODIFY r BINARY(9)", "r = x'0102'", "r as binary.9. is not what it was"),
    ("MODIFY b CHAR(30)", "b = 'space  '", "b as char.30. is not what it was"),
    ("MODIFY j JSON", "j = '{broken'", "Invalid JSON text"),
    ("ADD UNIQUE KEY new_one (y)", "y = 17", "Duplicate entry '17' for key '.*new_one'"),
    ("ADD CHECK (a < 10)", "a = 99", "Check constraint"),
)  # fmt: skip

IN_THE_COPY = some(LOSSY, *LOSSY[1::3], LOSSY[-2])


def make(connect: Connect, schema: str) -> None:
    link = connect(SERVER)
    with link.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {schema}")
        cursor.execute(TABLE.format(schema))
        rows = ", ".join(FITS.format(n=number) for number in range(1, 400))
        cursor.execute(f"INSERT INTO {schema}.t VALUES {rows}")
    link.commit()


def spoil(connect: Connect, schema: str, row: str) -> None:
    link = connect(SERVER)
    with link.cursor() as cursor:
        cursor.execute(f"UPDATE {schema}.t SET {row} WHERE id = 333")
    link.commit()


def ends_in_failure(pools: Pools, migration_id: str, stack: Stack) -> Failure:
    migration = wait_for(pools, migration_id, Stage.FAILED, logs=stack.logs)
    assert migration.failure is not None
    return migration.failure


@pytest.mark.parametrize("case", IN_THE_COPY, ids=itemgetter(0))
def test_a_row_that_does_not_fit_stops_the_copy_and_is_named(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, case: Case
) -> None:
    ddl, row, said = case
    make(connect, schema)
    spoil(connect, schema, row)
    migration_id = begin_alter(pools, schema, "t", ddl)
    explanation = ends_in_failure(pools, migration_id, shared_stack).explanation
    _assert_said(explanation, said, ddl)


def _assert_said(explanation: str, said: str, ddl: str) -> None:
    assert re.search(said, explanation), explanation
    assert "333" in explanation or "UNIQUE" in ddl, explanation


# The same conversions by the other way; the short run takes each by one of the two.
IN_THE_STREAM = some((one for one in LOSSY if "UNIQUE" not in one[0]), *LOSSY[::3])


@pytest.mark.parametrize("case", IN_THE_STREAM, ids=itemgetter(0))
def test_a_row_that_does_not_fit_any_more_stops_the_stream_and_is_named(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, case: Case
) -> None:
    ddl, row, said = case
    make(connect, schema)
    migration_id = begin_alter(pools, schema, "t", ddl, postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    spoil(connect, schema, row)
    explanation = ends_in_failure(pools, migration_id, shared_stack).explanation
    _assert_said(explanation, said, ddl)


def test_a_duplicate_of_a_new_unique_key_that_comes_later_never_swaps(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    """A REPLACE would remove the other row, and no event of that row is coming."""
    make(connect, schema)
    migration_id = begin_alter(pools, schema, "t", "ADD UNIQUE KEY new_one (y)", postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    spoil(connect, schema, "y = 17")
    control.cut_over(pools, SERVER, migration_id, "test")
    explanation = ends_in_failure(pools, migration_id, shared_stack).explanation
    assert re.search("key 333 .*Duplicate entry '17' for key '.*new_one'", explanation), explanation


def test_a_value_of_a_new_unique_key_may_move_between_rows(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    make(connect, schema)
    ddl = "ADD UNIQUE KEY new_one (y)"
    migration_id = begin_alter(pools, schema, "t", ddl, postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    link = connect(SERVER)
    with link.cursor() as cursor:
        for number in range(2, 300):
            cursor.execute(f"UPDATE {schema}.t SET y = -{number} WHERE id = {number}")
            cursor.execute(f"UPDATE {schema}.t SET y = {number} WHERE id = {number - 1}")
            if number % 7 == 0:
                link.commit()
    link.commit()
    control.cut_over(pools, SERVER, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    assert differences_from_native(link, schema, "t", ddl) == []


def test_once_the_row_is_corrected_the_alter_goes_on(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    make(connect, schema)
    spoil(connect, schema, "b = 'much longer'")
    migration_id = begin_alter(pools, schema, "t", "MODIFY b VARCHAR(3)")
    ends_in_failure(pools, migration_id, shared_stack)
    spoil(connect, schema, "b = 'abc'")
    resume(pools, SERVER, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    assert differences_from_native(connect(SERVER), schema, "t", "MODIFY b VARCHAR(3)") == []


def test_an_accepted_column_holds_what_the_server_makes_of_it(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    make(connect, schema)
    spoil(connect, schema, "f = 1.5, m = '2024-01-01 00:00:00.600'")
    ddl = "MODIFY f INT, MODIFY m DATETIME"
    migration_id = begin_alter(pools, schema, "t", ddl, accepted=("f", "m"))
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    assert read(pools, migration_id).failure is None
    assert differences_from_native(connect(SERVER), schema, "t", ddl) == []
