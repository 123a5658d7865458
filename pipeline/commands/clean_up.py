"""Drops what an ended migration has left behind, and nothing else.

A table is dropped only if it is the very one that was retired, or that the migration has created: a
later one may have the same name. No look at a name says what a DROP by that name will find. So the
table is renamed first, to a name that only this migration uses; what that has caught is looked at,
and gets its name back if it is another table. Nor is it dropped once a later migration has it, one
that found it empty and took it over, say. It is claimed until it is gone, so that none does so
meanwhile; a clean-up that is interrupted keeps its claims, and goes on when called again.

A migration's way back is ended and cleaned up with it, unless it has been taken: then it is a
migration like any other.

Whoever cleans up holds the coordinator's role of the migration, and drops on a connection that the
next one to clean up would end first (step/ddl.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.alter.temporary import drop_templates
from pipeline.commands.coordinating import coordinating
from pipeline.commands.drop import drop_table
from pipeline.commands.way_back import close_way_back
from pipeline.control.chunk_map import delete_chunks, drop_key_tables
from pipeline.control.claims import claim, release_claims
from pipeline.control.events import log_event
from pipeline.control.index_builds import delete_build
from pipeline.control.leases import Lease, fence
from pipeline.control.migration_tables import noted_later, read_tables
from pipeline.control.migrations import lock_migration, mark_cleaned_up, read_migration
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.stages import ENDED, Stage
from pipeline.domain.way_back import way_back_id
from pipeline.errors import RefusedError
from pipeline.mysql.catalogue import table_identity
from pipeline.mysql.flavours import identity
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from pipeline.step.ddl import ddl_connection, end_ddl

Gently = Callable[[int], None]


@dataclass(frozen=True)
class Leftover:
    """A table that an ended migration has left behind; `identity` tells it from a later one."""

    server: str
    name: TableName
    aside: TableName  # what it is called while it is being dropped
    identity: str | None
    retired: bool  # the old table; else a target table that was not filled to the end

    def __str__(self) -> str:
        return f"{self.name} on {self.server}"


def clean_up(
    pools: Pools, target: str, migration_id: str, who: str, gently: Gently | None = None
) -> list[str]:
    """Drop what an ended migration has left behind; returns what was dropped, in words.

    After a move or an alter these are the old tables, after an aborted move the target tables
    that the migration itself had created. With `gently` their rows are first deleted in batches;
    it is called with the number of deleted rows. What has been cleaned up already has left nothing
    behind: tables that have those names now are not its own.

    Raises:
        RefusedError: it has not ended, or a table of such a name is another one, or another
            migration's.
    """
    with pools.begin(target) as control:
        migration = read_migration(control, migration_id)
    _refuse_early(migration)
    if migration.cleaned_at is not None:
        return []
    closed = close_way_back(pools, migration, who, clean_up) if _may_have_one(migration) else []
    with coordinating(pools, target, migration_id, who) as lease:
        with pools.begin(target) as control:
            migration = lock_migration(control, migration_id)
            tables = read_tables(control, migration_id)
        _refuse_early(migration)
        if migration.cleaned_at is not None:  # by somebody else, since the question above
            return closed
        end_ddl(pools, target, lease, migration)
        dropped = _drop(pools, lease, migration, tables, gently)
        with pools.begin(target) as control:
            fence(control, lease)
            for table in tables:
                delete_chunks(control, table)
                delete_build(control, table)
            release_claims(control, migration_id)
            mark_cleaned_up(control, migration_id)
            log_event(control, migration_id, EventKind.CONTROL, "cleaned up", who)
    return closed + dropped


def _may_have_one(migration: Migration) -> bool:
    return migration.request.way_back_s is not None or migration.way_back_start is not None


def leftovers(pools: Pools, target: str, migration_id: str) -> list[Leftover]:
    """What `clean_up` would drop now. Writes nothing.

    Raises:
        RefusedError: it would be refused.
    """
    with pools.begin(target) as control:
        migration = read_migration(control, migration_id)
        _refuse_early(migration)
        there = _there(pools, migration, read_tables(control, migration_id))
        for one in there:
            _refuse_taken_over(pools, control, migration, one)
    return there


def _refuse_early(migration: Migration) -> None:
    if migration.stage not in ENDED:
        raise RefusedError(
            f"Migration {migration.id} is {migration.stage}; only one that has ended can be"
            " cleaned up.",
            f"End it first: tranship abort {migration.id}",
        )


def _drop(
    pools: Pools,
    lease: Lease,
    migration: Migration,
    tables: list[MigrationTable],
    gently: Gently | None,
) -> list[str]:
    there = _claim_leftovers(pools, lease, migration, tables)  # all, before the first is dropped
    for one in there:
        with ddl_connection(pools, migration.target, lease, one.server) as connection:
            _set_aside(connection, one)
            drop_table(connection, one.aside, _fenced(pools, migration.target, lease, gently))
    with ddl_connection(pools, migration.target, lease, migration.target) as connection:
        for table in tables:
            drop_key_tables(connection, table)
            drop_templates(connection, table)
    return [str(one) for one in there]


def _claim_leftovers(
    pools: Pools, lease: Lease, migration: Migration, tables: list[MigrationTable]
) -> list[Leftover]:
    """Claim what is there to be dropped, all or nothing.

    Raises:
        RefusedError: one of them is another table, or another migration's.
    """
    with pools.begin(migration.target) as control:
        fence(control, lease)
        release_claims(control, migration.id)  # of a clean-up that was interrupted
        there = _there(pools, migration, tables)
        for one in there:
            claim(control, migration.id, _identity(pools, one.server), one.name)
            _refuse_taken_over(pools, control, migration, one)
    return there


def _refuse_taken_over(
    pools: Pools, control: Connection, migration: Migration, leftover: Leftover
) -> None:
    closed_with_it = way_back_id(migration.id)
    for other, server in noted_later(control, migration.id, leftover.identity):
        if other != closed_with_it and _same_server(pools, server, leftover.server):
            raise RefusedError(
                f"{leftover} belongs to migration {other}, which came later.",
                f"Nothing was dropped. Leave {migration.id} as it is; if nobody needs the table any"
                f" more: tranship clean-up {other}, or drop it by hand.",
            )


def _same_server(pools: Pools, one: str, other: str) -> bool:
    return one == other or _identity(pools, one) == _identity(pools, other)


def _identity(pools: Pools, server: str) -> str:
    with pools.begin(server) as connection:
        return identity(connection)


def _there(pools: Pools, migration: Migration, tables: list[MigrationTable]) -> list[Leftover]:
    """What is there to be dropped.

    Raises:
        RefusedError: one of them is another table.
    """
    known = [one for table in tables if (one := _leftover(migration, table)) is not None]
    return [one for one in known if _is_there(pools, one)]


def _leftover(migration: Migration, table: MigrationTable) -> Leftover | None:
    if migration.stage is Stage.DONE:
        server, name, identity = migration.source, table.retired_name, table.source_identity
    elif table.created_by_us:
        server, name, identity = migration.target, table.target, table.target_identity
    else:
        return None
    aside = TableName(name.schema, f"_tranship_{migration.id}_{table.ordinal}_gone")
    return Leftover(server, name, aside, identity, retired=migration.stage is Stage.DONE)


def _is_there(pools: Pools, leftover: Leftover) -> bool:
    """
    Raises:
        RefusedError: a table of that name is there, or was renamed by a clean-up that was
            interrupted, and it is another one.
    """
    with pools.begin(leftover.server) as connection:
        if _is_aside(connection, leftover):
            return True
        if table_exists(connection, leftover.aside):
            raise _caught(leftover)
        found = table_identity(connection, leftover.name)
    if found is not None and found != leftover.identity:
        raise _another(leftover)
    return found is not None


def _is_aside(connection: Connection, leftover: Leftover) -> bool:
    """Whether a clean-up that was interrupted has renamed the table."""
    found = table_identity(connection, leftover.aside)
    return found is not None and found == leftover.identity


def _set_aside(connection: Connection, leftover: Leftover) -> None:
    """Rename the table, so that nobody else's is meant by its name from now on.

    Raises:
        RefusedError: it was another table; that has its name again.
    """
    if _is_aside(connection, leftover) or not table_exists(connection, leftover.name):
        return
    run(connection, "SET SESSION foreign_key_checks = 1")  # or those that refer to it would not
    _rename(connection, leftover.name, leftover.aside)
    if not _is_aside(connection, leftover):
        _rename(connection, leftover.aside, leftover.name)
        raise _another(leftover)
    run(connection, "SET SESSION foreign_key_checks = 0")


def _rename(connection: Connection, old: TableName, new: TableName) -> None:
    run(connection, f"RENAME TABLE {quote_name(old)} TO {quote_name(new)}")


def _another(leftover: Leftover) -> RefusedError:
    return RefusedError(
        f"{leftover} is not the table that this migration has left behind.",
        "It was not dropped. Rename it, or drop it by hand, then clean up.",
    )


def _caught(leftover: Leftover) -> RefusedError:
    back = f"RENAME TABLE {quote_name(leftover.aside)} TO {quote_name(leftover.name)};"
    return RefusedError(
        f"{leftover} was renamed by a clean-up that was interrupted, and is not the table that this"
        " migration has left behind.",
        f"It was not dropped. Give it its name again, on {leftover.server}: {back}",
    )


def _fenced(pools: Pools, target: str, lease: Lease, gently: Gently | None) -> Gently | None:
    """`gently`, which also keeps the role."""
    if gently is None:
        return None

    def tell(rows: int) -> None:
        with pools.begin(target) as control:
            fence(control, lease)
        gently(rows)

    return tell
