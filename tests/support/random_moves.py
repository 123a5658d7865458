"""Moves random tables under random writes, and compares both sides by four witnesses."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import compress
from random import Random
from typing import Any

import pymysql

from pipeline.commands import control
from pipeline.domain.names import retired_name_of
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import Scope, Severity
from pipeline.preflight.registry import run_preflight
from tests.conftest import Connect
from tests.support.comparison import checksum, definition, dump, first_difference, rows
from tests.support.moves import SOURCE, TARGET, begin_move, move_request, wait_for
from tests.support.random_tables import RandomTable, random_table
from tests.support.random_writes import RandomWriter, fill
from tests.support.servers import dump_command
from tests.support.stack import Stack
from tests.support.strange import made_strange

TOGETHER = 10
ROWS = 250
LIMIT_S = 300  # a loaded machine is slow, and not what is being tested


@dataclass(frozen=True)
class Both:
    """The two servers, and where the tables are."""

    source: pymysql.Connection[Any]
    target: pymysql.Connection[Any]
    schema: str
    same_flavour: bool  # else dumps, checksums and definitions are written differently
    mariadb: bool
    dumps: tuple[Any, Any]


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


def make_tables(
    source: Any, schema: str, random: Random, flavour: str, together: int = TOGETHER
) -> tuple[list[RandomTable], list[str]]:
    tables, definitions = [], []
    for number in range(together):
        table = random_table(random, number, flavour)
        try:
            definitions.append(create(source, schema, table))
        except pymysql.err.MySQLError as error:
            raise AssertionError(f"{error}: {table.create}") from error
        fill(source, schema, table, random, ROWS)
        tables.append(table)
    return tables, definitions


def compare(both: Both, name: str, before: str) -> list[str]:
    """What the four witnesses say against it."""
    retired_name = retired_name_of(TableName(both.schema, name)).name
    found = []
    after = definition(both.target, both.schema, name)
    if both.same_flavour and before != after:
        found.append(f"SHOW CREATE TABLE: {before}\n{after}")
    columns = [line.split("`")[1] for line in after.splitlines() if line.startswith("  `")]
    ours, theirs = (
        rows(both.source, both.schema, retired_name),
        rows(both.target, both.schema, name),
    )
    if ours != theirs:
        found.append(f"rows: {first_difference(ours, theirs, columns)}")
    if both.same_flavour:
        found += _by_dump(both, retired_name, name)
    # MariaDB's CHECKSUM TABLE of a table with generated columns is another at each call.
    if both.same_flavour and not (both.mariadb and " GENERATED ALWAYS AS " in after):
        found += _by_checksum(both, retired_name, name)
    return found


def _by_dump(both: Both, retired_name: str, name: str) -> Iterator[str]:
    if dump(*both.dumps[0], both.schema, retired_name) != dump(*both.dumps[1], both.schema, name):
        yield "the dumps differ"


def _by_checksum(both: Both, retired_name: str, name: str) -> Iterator[str]:
    sums = (
        checksum(both.source, both.schema, retired_name), checksum(both.target, both.schema, name)
    )  # fmt: skip
    if sums[0] != sums[1]:
        yield f"CHECKSUM TABLE: {sums}"


def move_random_tables(
    seed: str,
    pools: Pools,
    connect: Connect,
    schema: str,
    stack: Stack,
    flavours: tuple[str, str] = ("mysql", "mysql"),
    together: int = TOGETHER,
    *,
    strange: bool = False,
) -> None:
    """Tables that both flavours can hold, with three writers, to the end.

    `strange`: meanwhile every session inherits the strangest settings, but those of the writers.
    """
    random, same = Random(seed), flavours[0] == flavours[1]
    known_by = flavours[0] if same else "both"
    tables, definitions = make_tables(connect(SOURCE), schema, random, known_by, together)
    if strange:  # others are refused
        primary = [any(one.startswith("PRIMARY") for one in table.indexes) for table in tables]
        tables, definitions = list(compress(tables, primary)), list(compress(definitions, primary))
    links = [connect(SOURCE) for _ in range(3)]
    writers = [
        RandomWriter(partial(_given, link), schema, tables, f"{seed}/{number}", flavours[0]).start()
        for number, link in enumerate(links)
    ]
    with made_strange(pools, (SOURCE, TARGET), links) if strange else nullcontext():
        _move(pools, schema, [table.name for table in tables], stack)
    for writer in writers:
        writer.stop()
    assert all(writer.transactions > 20 for writer in writers)
    servers = pools.settings.servers
    commands = [
        dump_command(servers[n], f) for n, f in zip((SOURCE, TARGET), flavours, strict=True)
    ]
    both = Both(
        connect(SOURCE),
        connect(TARGET),
        schema,
        same,
        flavours[0] == "mariadb",
        (commands[0], commands[1]),
    )
    against = {}
    for table, before in zip(tables, definitions, strict=True):
        found = compare(both, table.name, before)
        if found:
            against[table.create] = found
    assert not against, "\n\n".join(f"{create}\n{found}" for create, found in against.items())


def _given(link: pymysql.Connection[Any]) -> pymysql.Connection[Any]:
    return link


def _move(pools: Pools, schema: str, names: list[str], stack: Stack) -> None:
    """Preflight finds nothing, and the move ends."""
    refusals = [
        finding.explanation
        for finding in run_preflight(pools, move_request(schema, *names), Scope.START)
        if finding.severity is Severity.REFUSED
    ]
    assert not refusals, refusals
    migration_id = begin_move(pools, schema, names, chunk_rows=40, postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=stack.logs, limit_s=LIMIT_S)
    time.sleep(1)
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs, limit_s=LIMIT_S)


def run_seed(default: str | None = None) -> str:
    """The run's seed, which tests print: given, or random where no `default` is.

    The short target always makes the same tables, so that what it says is about the change
    at hand; the long one makes others each time.
    """
    return os.environ.get("TRANSHIP_SEED", default or str(Random().randrange(10**9)))
