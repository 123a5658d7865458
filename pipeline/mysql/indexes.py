"""A table's non-unique secondary indexes: which of them can wait until its rows are there.

An index is left out of a new table, and added later, by its own line of SHOW CREATE TABLE, so that
it is what it was on the source. What can't be added while the table is written, or is needed from
the first row on, is kept:

    unique                        the copy relies on them; so the key that bounds the chunks stays
    FULLTEXT, SPATIAL             a server adds them only while nobody writes
    of an expression, or of a     the same in MariaDB; MySQL makes a hidden column for an expression
      virtual column
    that begin with the           an AUTO_INCREMENT column has to be indexed
      AUTO_INCREMENT column
    that begin with a column of   a foreign key needs an index on either side, and a server that
      a foreign key               finds none makes one of its own
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import names_table, quote, quote_name
from pipeline.mysql.table import TableName

# In place, or not at all: the stream goes on writing meanwhile.
_ONLINE = "ALGORITHM = INPLACE, LOCK = NONE"


@dataclass(frozen=True)
class DeferredIndex:
    """An index that is added to a table later; `clause` is its line of SHOW CREATE TABLE."""

    name: str
    clause: str


@dataclass(frozen=True)
class IndexPart:
    """A part of an index. `column` is empty if it is an expression."""

    column: str
    prefix: int | None
    descending: bool
    virtual: bool


@dataclass(frozen=True)
class SecondaryIndex:
    """A non-unique index, as information_schema describes it."""

    name: str
    kind: str  # "BTREE", "FULLTEXT", "SPATIAL"
    parts: tuple[IndexPart, ...]


def secondary_indexes(connection: Connection, name: TableName) -> list[SecondaryIndex]:
    """Every non-unique index of table `name`, by name."""
    rows = run(
        connection,
        "SELECT index_name, index_type, COALESCE(column_name, ''), sub_part,"
        " COALESCE(collation, 'A') = 'D', column_name IN (SELECT column_name"
        f" FROM information_schema.columns WHERE {names_table(name)}"
        " AND extra LIKE '%VIRTUAL GENERATED%')"
        f" FROM information_schema.statistics WHERE {names_table(name)} AND non_unique = 1"
        " ORDER BY index_name, seq_in_index",
    ).rows
    found: dict[tuple[str, str], list[IndexPart]] = {}
    for index, kind, column, prefix, descending, virtual in rows:
        part = IndexPart(str(column), prefix, bool(descending), bool(virtual))
        found.setdefault((str(index), str(kind)), []).append(part)
    return [SecondaryIndex(index, kind, tuple(parts)) for (index, kind), parts in found.items()]


def is_deferrable(index: SecondaryIndex, needed: frozenset[str]) -> bool:
    """Whether rows can be written without `index`, and it can be added while they are.

    `needed` are columns that have to be indexed all the time.
    """
    first = index.parts[0].column
    computed = any(not part.column or part.virtual for part in index.parts)
    return index.kind == "BTREE" and not computed and first not in needed


def needed_columns(connection: Connection, name: TableName) -> frozenset[str]:
    """Columns that begin an index which can't be missed: AUTO_INCREMENT, and foreign keys'."""
    rows = run(
        connection,
        "SELECT column_name FROM information_schema.columns"
        f" WHERE {names_table(name)} AND extra LIKE '%auto_increment%'"
        " UNION SELECT column_name FROM information_schema.key_column_usage"
        f" WHERE {names_table(name)} AND referenced_table_name IS NOT NULL"
        " UNION SELECT referenced_column_name FROM information_schema.key_column_usage"
        f" WHERE {names_table(name, 'referenced_table_schema', 'referenced_table_name')}",
    ).rows
    return frozenset(str(row[0]) for row in rows)


def deferrable_indexes(
    connection: Connection, name: TableName, create_table: str
) -> tuple[DeferredIndex, ...]:
    """The indexes of table `name`, whose SHOW CREATE TABLE is given, that can be added later."""
    needed = needed_columns(connection, name)
    lines = create_table.split("\n")
    found = []
    for index in secondary_indexes(connection, name):
        clauses = [line for line in lines if line.startswith(f"  KEY {quote(index.name)} ")]
        # A name may hold a line break, so a line may be what it only seems to be.
        if len(clauses) == 1 and is_deferrable(index, needed):
            found.append(DeferredIndex(index.name, clauses[0].strip().removesuffix(",")))
    return tuple(found)


def without_indexes(create_table: str, indexes: Sequence[DeferredIndex]) -> str:
    """The text of a SHOW CREATE TABLE without `indexes`."""
    left_out = {f"  {index.clause}" for index in indexes}
    lines = [line for line in create_table.split("\n") if line.removesuffix(",") not in left_out]
    # The last definition has no comma after it.
    return re.sub(r",\n\)", "\n)", "\n".join(lines), count=1)


def add_indexes_statement(
    name: TableName, indexes: Sequence[DeferredIndex], *, online: bool = True
) -> str:
    """One ALTER TABLE for all of them, so that the server reads the rows once."""
    added = [f"ADD {index.clause}" for index in indexes]
    return f"ALTER TABLE {quote_name(name)} {', '.join([*added, *([_ONLINE] if online else [])])}"


def index_names(connection: Connection, name: TableName) -> set[str]:
    return {index.name for index in secondary_indexes(connection, name)}


def build_share(connection: Connection, number: int) -> float | None:
    """How much of its ALTER TABLE connection `number` has done; None where no server says so.

    MySQL says so if somebody has turned the consumer events_stages_current on, and our user may
    read it.
    """
    if is_mariadb(connection):
        statement = (
            "SELECT stage - 1 + progress / 100, max_stage FROM information_schema.processlist"
            f" WHERE id = {number} AND max_stage > 0"
        )
    else:
        statement = (
            "SELECT work_completed, work_estimated"
            " FROM performance_schema.events_stages_current JOIN performance_schema.threads"
            f" USING (thread_id) WHERE processlist_id = {number} AND work_estimated > 0"
        )
    rows = run(connection, statement).rows
    return min(1.0, float(rows[0][0]) / float(rows[0][1])) if rows else None
