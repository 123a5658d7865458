"""Creates the control schema, and refuses one that another version made.

What a version changes in its tables or in the values that they hold is not migrated: a migration
ends with the version that it began with. `schema_version` is created first and its row written
last, so a creation that was cut short is told from an earlier version, and goes on.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, select
from sqlalchemy.dialects.mysql import insert

from pipeline.control.schema import SCHEMA, VERSION, metadata, migrations, schema_version
from pipeline.errors import RefusedError
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote


def install(connection: Connection, server: str) -> None:
    """Create the control schema on `server` where it isn't there yet.

    Raises:
        RefusedError: another version of Tranship made it.
    """
    if is_installed(connection, server):
        return
    run(connection, f"CREATE DATABASE IF NOT EXISTS {quote(SCHEMA)} CHARACTER SET utf8mb4")
    schema_version.create(connection, checkfirst=True)
    metadata.create_all(connection)
    row = insert(schema_version).values(version=VERSION)
    connection.execute(row.on_duplicate_key_update(version=VERSION))


def is_installed(connection: Connection, server: str) -> bool:
    """Whether `server` has a control schema.

    Raises:
        RefusedError: another version of Tranship made it.
    """
    # One inspector for each: it remembers what it was told.
    if not inspect(connection).has_table(schema_version.name, schema=SCHEMA):
        if inspect(connection).has_table(migrations.name, schema=SCHEMA):
            raise _other_version("an earlier version", server)
        return False
    found = connection.execute(select(schema_version.c.version)).scalar_one_or_none()
    if found is not None and found != VERSION:
        raise _other_version(f"version {found}", server)
    return found is not None


def _other_version(found: str, server: str) -> RefusedError:
    return RefusedError(
        f"The control schema {SCHEMA} on {server} is of {found}; this Tranship needs version"
        f" {VERSION}.",
        "Finish or abort its migrations with the Tranship that made it, and clean them up; then, on"
        f" {server}: DROP DATABASE {SCHEMA};",
    )
