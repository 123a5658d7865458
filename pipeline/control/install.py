"""Creates the control schema, and refuses one that another version has made.

Changes of its tables, or of the values in them, are not migrated: a migration ends with the
version with which it began. `schema_version` is created first and its row written last, so that
an interrupted creation is not taken for an earlier version, and goes on.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, select
from sqlalchemy.dialects.mysql import insert

from pipeline.control.schema import SCHEMA, VERSION, metadata, migrations, schema_version
from pipeline.errors import RefusedError
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote


def install(connection: Connection, server: str) -> None:
    """Create the control schema on `server` unless it exists.

    Raises:
        RefusedError: another version of Tranship has made it.
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
        RefusedError: another version of Tranship has made it.
    """
    # A new inspector each time, since an inspector remembers its answers.
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
