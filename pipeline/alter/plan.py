"""Plans an alter: the server creates an empty table of the new definition; columns are mapped.

Columns are matched by name. A column that the text renames has to be confirmed (`renames`), since
one column taken for another means data in the wrong place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection

from pipeline.alter.conversions import bounds_alike, implicit_literal, reports_loss
from pipeline.alter.ddl import Wording, names, read_ddl
from pipeline.domain.alter_plan import AlterPlan, Fill
from pipeline.domain.names import scratch_name, shadow_name
from pipeline.domain.request import AlterRequest
from pipeline.errors import FatalError, RefusedError
from pipeline.mysql.catalogue import foreign_keys, table_facts
from pipeline.mysql.definition_diff import same_values
from pipeline.mysql.failures import driver_errors, without_server
from pipeline.mysql.introspect import (
    read_columns,
    read_table,
    unfilled_columns,
    unique_keys,
    usable_keys,
)
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote, quote_name
from pipeline.mysql.servers import auto_increment, create_statement, table_exists
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind

Pair = tuple[Column, Column]
_WITH_MEMBERS = (ValueKind.ENUM, ValueKind.SET)


def create_shadow(connection: Connection, name: TableName, shadow: TableName, ddl: str) -> None:
    """Create an empty table with the new definition.

    Raises:
        RefusedError: the server rejects the change.
    """
    try:
        with driver_errors("here"):
            run(connection, f"CREATE TABLE {quote_name(shadow)} LIKE {quote_name(name)}")
            run(connection, f"ALTER TABLE {quote_name(shadow)} {ddl}")
    except FatalError as error:
        said = without_server(error)
        raise RefusedError(
            f"The server rejects the change: {said}", "Correct the change."
        ) from error


def plan_alter(connection: Connection, request: AlterRequest) -> AlterPlan:
    """The plan of a change. The table that is created for it is dropped again.

    Raises:
        RefusedError: the change can't be made in this way; says why.
    """
    wording = read_ddl(request.change)  # before the server gets it
    with scratch_table(connection, request.table, request.change) as scratch:
        plan = map_columns(connection, scratch, request)
    if not wording.sets_counter:
        return plan
    counter = auto_increment(create_statement(connection, request.table))
    return replace(plan, counter_at_start=counter)


@contextmanager
def scratch_table(connection: Connection, name: TableName, ddl: str) -> Iterator[TableName]:
    """An empty table of the new definition, to be inspected and then dropped."""
    scratch = scratch_name(name)
    while table_exists(connection, scratch):
        scratch = scratch_name(name)
    try:
        create_shadow(connection, name, scratch, ddl)
        yield scratch
    finally:
        run(connection, f"DROP TABLE IF EXISTS {quote_name(scratch)}")


def map_columns(connection: Connection, shadow: TableName, request: AlterRequest) -> AlterPlan:
    """Like `plan_alter`, for a shadow that exists.

    Raises:
        RefusedError: as in `plan_alter`.
    """
    name = request.table
    table = read_table(connection, name)
    columns = read_columns(connection, shadow)
    _refuse_shadow(connection, shadow)
    renames = _renames(request, read_ddl(request.change), table)
    pairs = _pairs(table, columns, renames)
    _refuse_garbled_members(pairs, request.change)
    kept, became = zip(*pairs, strict=True)
    ours, theirs = _shared_key(connection, name, shadow, pairs)
    checked = tuple(
        old.name
        for old, new in pairs
        if not reports_loss(old, new) and old.name not in request.accepted
    )
    _refuse_unknown({column: f"`accepted={[column]!r}`" for column in request.accepted}, kept)
    plan = AlterPlan(
        ddl=request.change,
        kept=Table(name, kept, ours),
        shadow=Table(shadow_name(name), became, theirs),
        fills=tuple(unfilled(connection, shadow, became)),
        retyped=any(not same_values(old, new) for old, new in pairs),
        checked=checked,
        new_unique=tuple(new_unique(connection, name, shadow, pairs)),
    )
    return plan.documents_as_text() if request.json_as_text else plan


def _refuse_shadow(connection: Connection, shadow: TableName) -> None:
    facts = table_facts(connection, shadow)
    if facts is None or facts.engine != "InnoDB":
        raise RefusedError("The change takes the table out of InnoDB.", "Leave ENGINE as it is.")
    keys = foreign_keys(connection, shadow)
    if keys:
        raise RefusedError(
            f"The change adds foreign key {keys[0].name}, which would not survive the swap.",
            "Leave it out.",
        )


def _renames(request: AlterRequest, wording: Wording, table: Table) -> dict[str, str]:
    """Old names to new names, all of them confirmed."""
    as_given = {old: f"`renames={ {old: new}!r}`" for old, new in request.renames.items()}
    _refuse_unknown(as_given, table.columns)
    found = {_lower(pair): pair for pair in wording.renamed}
    given = {_lower(pair): pair for pair in request.renames.items()}
    for pair in found.keys() - given.keys():
        old, new = found[pair]
        raise RefusedError(
            f"The change renames column {old} to {new}.",
            f"If {new} is to hold the values of {old}, confirm it with: `renames={ {old: new}!r}`.",
        )
    for pair in given.keys() - found.keys():
        old, new = given[pair]
        raise RefusedError(
            f"The change does not rename {old} to {new}, as {as_given[old]} says.",
            "Leave that out, or correct one of the two.",
        )
    again = {name.lower() for name in wording.dropped} & {name.lower() for name in wording.added}
    if again:
        name = sorted(again)[0]
        raise RefusedError(
            f"The change drops column {name} and adds another of that name.",
            "Make two changes: the values of the old one must not be taken for the new one's.",
        )
    return {old.lower(): new for old, new in request.renames.items()}


def _lower(pair: tuple[str, str]) -> tuple[str, str]:
    return pair[0].lower(), pair[1].lower()


def _refuse_unknown(as_given: Mapping[str, str], columns: Sequence[Column]) -> None:
    """Refuse columns that are not kept; `as_given` has the option that names each."""
    known = {column.name.lower() for column in columns}
    for name, option in as_given.items():
        if name.lower() not in known:
            raise RefusedError(
                f"No column {name} is kept, but {option} names it.", "Correct the name."
            )


def _pairs(
    table: Table, columns: Sequence[Column], renames: Mapping[str, str]
) -> list[tuple[Column, Column]]:
    """Columns that hold values on both sides, in the original's order."""
    by_name = {column.name.lower(): column for column in columns}
    taken = {name.lower() for name in renames.values()}
    pairs = []
    for old in table.columns:
        if old.name.lower() in taken - renames.keys():
            continue  # it is dropped, and another one has its name
        new = by_name.get(renames.get(old.name.lower(), old.name).lower())
        if new is None or new.generated:
            continue
        if old.generated:
            raise RefusedError(
                f"Column {old.name} is generated, and would become one that is not.",
                "Add a new column instead, and fill it afterwards.",
            )
        pairs.append((old, new))
    if not pairs:
        raise RefusedError("No column is kept.", "Create a new table instead.")
    return pairs


def _refuse_garbled_members(pairs: Sequence[Pair], ddl: str) -> None:
    """Refuse other members of an ENUM or SET than before, unless the change names the column.

    MySQL 9.7 writes those wrongly that are not ASCII, where CONVERT TO gives a column another
    character set: of 'a', 'é' it makes 'a', ''.
    """
    for old, new in pairs:
        changed = old.kind is new.kind and old.column_type != new.column_type
        if old.kind in _WITH_MEMBERS and changed and not names(ddl, new.name):
            raise RefusedError(
                f"The server would make of column {old.name}, which the change does not name,"
                f" {new.column_type} instead of {old.column_type}.",
                f"Name it beside the rest, with all that belongs to it: MODIFY {quote(old.name)}"
                f" {old.column_type} CHARACTER SET {new.charset}.",
            )


def _shared_key(
    connection: Connection,
    name: TableName,
    shadow: TableName,
    pairs: Sequence[Pair],
) -> tuple[Key, Key]:
    """A unique key of both, over columns whose values and order do not change."""
    became = {old.name: new for old, new in pairs}
    olds = {old.name: old for old, _ in pairs}
    theirs = {key.columns: key for key in usable_keys(connection, shadow)}
    reasons = []
    for key in usable_keys(connection, name):
        if not set(key.columns) <= became.keys():
            reasons.append(f"{key.name} loses a column")
            continue
        wanted = tuple(became[column].name for column in key.columns)
        changed = [c for c in key.columns if not bounds_alike(olds[c], became[c])]
        if wanted in theirs and not changed:
            return key, Key(theirs[wanted].name, wanted)
        reasons.append(
            f"{key.name}: column {changed[0]} changes its order or values"
            if changed
            else f"{key.name} is not a unique key afterwards"
        )
    raise RefusedError(
        f"{name} has no unique key that the change leaves as it is ({'; '.join(reasons)}), so rows"
        " could not be followed.",
        "Keep one, or add one first: a UNIQUE KEY over NOT NULL columns.",
    )


def unfilled(connection: Connection, shadow: TableName, became: Sequence[Column]) -> Iterator[Fill]:
    """The other columns that have no default, and what ALTER TABLE would put there."""
    known = {column.name for column in became}
    for column in unfilled_columns(connection, shadow):
        if column.name in known:
            continue
        literal = implicit_literal(column)
        if literal is None:
            raise RefusedError(
                f"New column {column.name} is NOT NULL and has no DEFAULT.", "Give it one."
            )
        yield Fill(column.name, literal)


def new_unique(
    connection: Connection,
    name: TableName,
    shadow: TableName,
    pairs: Sequence[Pair],
) -> Iterator[str]:
    """The unique keys of the shadow that rows may violate which the original allows.

    One that has all columns of a unique key of the original is none of them, if equal values of
    these columns were equal there, too: a wider integer, a longer text.
    """
    back = {new.name: old.name for old, new in pairs if bounds_alike(old, new)}
    known = [set(key.parts) for key in unique_keys(connection, name)]
    for key in unique_keys(connection, shadow):
        parts = {
            replace(part, column=back[part.column]) for part in key.parts if part.column in back
        }
        if not any(one <= parts for one in known):
            yield key.name
