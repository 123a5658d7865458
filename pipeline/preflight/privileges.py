"""Checks our users' privileges; the remedy for missing ones is the GRANT to run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.control.schema import SCHEMA
from pipeline.errors import FatalError
from pipeline.mysql.catalogue import foreign_keys
from pipeline.mysql.flavours import replica_privileges
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote
from pipeline.mysql.xa import xa_privileges
from pipeline.preflight.findings import CheckContext, Finding, refused
from pipeline.preflight.grants import Grants, session_grants

# PROCESS shows foreign keys of schemas on which we have no privileges, and which table is which.
SOURCE_GLOBAL = ("REPLICATION SLAVE", "REPLICATION CLIENT", "PROCESS")
# RENAME TABLE needs ALTER, DROP, CREATE and INSERT; TRIGGER shows triggers; clean-up deletes rows.
SOURCE_TABLES = ("SELECT", "ALTER", "DROP", "CREATE", "INSERT", "DELETE", "TRIGGER")
TARGET_GLOBAL = ("REPLICATION CLIENT", "PROCESS")
TARGET_TABLES = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "TRIGGER",
)  # fmt: skip
# The swap needs LOCK TABLES.
ALTERED_TABLES = (*TARGET_TABLES, "LOCK TABLES")
CONTROL = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "INDEX", "ALTER",
    "CREATE TEMPORARY TABLES",
)  # fmt: skip


def on_source(context: CheckContext) -> Iterator[Finding]:
    """Read rows and the binary log; rename the tables, and back; empty and drop the old ones."""
    with context.source() as source:
        grants, user = session_grants(source), _user(source)
        wanted = (*SOURCE_GLOBAL, *replica_privileges(source), *xa_privileges(source))
    yield from _missing(context.request.source, user, grants, wanted, None)
    names = context.request.tables
    for schema in sorted({name.schema for name in names}):
        # On the schema, since nothing has the retired name yet.
        yield from _missing(context.request.source, user, grants, SOURCE_TABLES, schema)


def on_target(context: CheckContext) -> Iterator[Finding]:
    """Write the tables and the control schema."""
    request = context.request
    with context.target() as target:
        grants, user = session_grants(target), _user(target)
        wanted = (*TARGET_GLOBAL, *replica_privileges(target))
    yield from _missing(request.target, user, grants, wanted, None)
    yield from _missing(request.target, user, grants, CONTROL, SCHEMA)
    # A way back creates no table.
    constrained = request.back is None and _constrained(context)
    tables = (*TARGET_TABLES, "REFERENCES") if constrained else TARGET_TABLES
    for schema in sorted({request.target_name(name).schema for name in request.tables}):
        yield from _missing(request.target, user, grants, tables, schema)


def on_one_server(context: CheckContext) -> Iterator[Finding]:
    """Alter only: read and write the table and its shadow, follow the log, lock, see locks."""
    request = context.alter
    with context.source() as server:
        grants, user = session_grants(server), _user(server)
        of_source = (*SOURCE_GLOBAL, *xa_privileges(server))
    kills = request.force_after_s is not None
    wanted = (*of_source, *(["CONNECTION_ADMIN"] if kills else []))
    yield from _missing(request.source, user, grants, wanted, None)
    yield from _missing(request.source, user, grants, CONTROL, SCHEMA)
    yield from _missing(request.source, user, grants, ("SELECT",), "performance_schema")
    for schema in sorted({name.schema for name in request.tables}):
        yield from _missing(request.source, user, grants, ALTERED_TABLES, schema)


def _constrained(context: CheckContext) -> bool:
    """Whether foreign keys will be created; False without PROCESS, which is asked for first."""
    try:
        with context.source() as source:
            return any(foreign_keys(source, name) for name in context.request.tables)
    except FatalError:
        return False


def _missing(
    server: str, user: str, grants: Grants, wanted: Iterable[str], schema: str | None
) -> Iterator[Finding]:
    missing = [privilege for privilege in wanted if not grants.has(privilege, schema)]
    if missing:
        where = f"{quote(schema)}.*" if schema is not None else "*.*"
        names = ", ".join(missing)
        yield refused(
            f"User {user} lacks {names} on {where} of {server}.",
            f"Run there: GRANT {names} ON {where} TO {user};",
        )


def _user(connection: object) -> str:
    user = str(run(connection, "SELECT CURRENT_USER()").rows[0][0])  # type: ignore[arg-type]
    name, _, host = user.rpartition("@")
    return f"'{name}'@'{host}'"
