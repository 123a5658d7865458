"""Random tables, moved by real workers under random writes, and compared by four witnesses.

The seed of a run is printed; TRANSHIP_SEED repeats it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from random import Random
from typing import Any

import pymysql
import pytest

from pipeline.control.records import Stage, aside_name
from pipeline.coordinate import control
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import MoveRequest, Scope, Severity
from pipeline.preflight.registry import run_preflight
from tests.conftest import Connect
from tests.support.comparison import checksum, definition, dump, first_difference, rows
from tests.support.moves import SOURCE, TARGET, begin_move, wait_for
from tests.support.random_tables import RandomTable, random_table
from tests.support.random_writes import RandomWriter, fill
from tests.support.servers import dump_command
from tests.support.stack import Stack

TOGETHER = 10
ROWS = 250


@dataclass(frozen=True)
class Both:
    """The two servers, and where the tables are."""

    source: pymysql.Connection[Any]
    target: pymysql.Connection[Any]
    schema: str


def create(connection: pymysql.Connection[Any], schema: str, table: RandomTable) -> str:
    """Make and describe it. What a server refuses to make is no table that it can hold."""
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
        for statement in table.session:
            cursor.execute(statement)
        cursor.execute(f"USE {schema}")
        cursor.execute(table.create)
        if table.session:
            cursor.execute("SET SESSION sql_generate_invisible_primary_key = OFF")
    return definition(connection, schema, table.name)


def make_tables(source: Any, schema: str, random: Random) -> tuple[list[RandomTable], list[str]]:
    tables, definitions = [], []
    for number in range(TOGETHER):
        table = random_table(random, number)
        try:
            definitions.append(create(source, schema, table))
        except pymysql.err.MySQLError as error:
            raise AssertionError(f"{error}: {table.create}") from error
        fill(source, schema, table, random, ROWS)
        tables.append(table)
    return tables, definitions


def compare(both: Both, name: str, before: str) -> list[str]:
    """What the four witnesses say against it."""
    aside = aside_name(TableName(both.schema, name)).name
    found = []
    after = definition(both.target, both.schema, name)
    if before != after:
        found.append(f"SHOW CREATE TABLE: {before}\n{after}")
    columns = [line.split("`")[1] for line in after.splitlines() if line.startswith("  `")]
    ours, theirs = rows(both.source, both.schema, aside), rows(both.target, both.schema, name)
    if ours != theirs:
        found.append(f"rows: {first_difference(ours, theirs, columns)}")
    sums = (
        checksum(both.source, both.schema, aside), checksum(both.target, both.schema, name)
    )  # fmt: skip
    if sums[0] != sums[1]:
        found.append(f"CHECKSUM TABLE: {sums}")
    return found


def move_random_tables(
    seed: str, pools: Pools, connect: Connect, schema: str, stack: Stack
) -> None:
    random = Random(seed)
    tables, definitions = make_tables(connect(SOURCE), schema, random)
    names = [table.name for table in tables]
    request = MoveRequest(SOURCE, TARGET, tuple(TableName(schema, name) for name in names))
    refusals = [
        finding.explanation
        for finding in run_preflight(pools, request, Scope.START)
        if finding.severity is Severity.REFUSED
    ]
    assert not refusals
    writers = [
        RandomWriter(lambda: connect(SOURCE), schema, tables, f"{seed}/{number}").start()
        for number in range(3)
    ]
    migration_id = begin_move(pools, schema, names, chunk_rows=40, postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=stack.logs)
    time.sleep(1)
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    for writer in writers:
        writer.stop()
    assert all(writer.transactions > 20 for writer in writers)
    both = Both(connect(SOURCE), connect(TARGET), schema)
    against = {}
    for table, before in zip(tables, definitions, strict=True):
        found = compare(both, table.name, before)
        aside = aside_name(TableName(schema, table.name)).name
        ours = dump(*dump_command(pools.settings.servers[SOURCE]), schema, aside)
        theirs = dump(*dump_command(pools.settings.servers[TARGET]), schema, table.name)
        if ours != theirs:
            found.append("dump differs")
        if found:
            against[table.create] = found
    assert not against, "\n\n".join(f"{create}\n{found}" for create, found in against.items())


def run_seed() -> str:
    return os.environ.get("TRANSHIP_SEED", str(Random().randrange(10**9)))


@pytest.mark.parametrize("part", range(2))
def test_twenty_random_tables_arrive_as_they_were(
    part: int, pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    seed = f"{run_seed()}/{part}"
    print(f"TRANSHIP_SEED={seed}")
    move_random_tables(seed, pools, connect, schema, shared_stack)


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_two_hundred_random_tables_arrive_as_they_were(
    part: int, pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    seed = f"{run_seed()}/long/{part}"
    print(f"TRANSHIP_SEED={seed}")
    move_random_tables(seed, pools, connect, schema, shared_stack)
