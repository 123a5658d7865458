"""Whether others use a server at this moment, by their running statements."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import run

# Replication's, the scheduler's and our own user.
_NOT_OTHERS = (
    "'system user', 'event_scheduler',"
    " LEFT(USER(), CHAR_LENGTH(USER()) - LOCATE('@', REVERSE(USER())))"
)
# Idle on purpose, in the midst of a statement.
_ASLEEP = "'User sleep', 'User lock'"


def others_run(connection: Connection) -> bool:
    """Whether a statement of another user runs.

    Nobody is seen on a MySQL whose performance_schema is off, and on a MariaDB without PROCESS.

    Raises:
        FatalError: no SELECT on performance_schema.
    """
    table, prefix = "performance_schema.threads", "processlist_"
    if is_mariadb(connection):  # MySQL would lock its process list for that
        table, prefix = "information_schema.processlist", ""
    query = (
        f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {prefix}command IN ('Query', 'Execute')"
        f" AND {prefix}user NOT IN ({_NOT_OTHERS})"
        f" AND COALESCE({prefix}state, '') NOT IN ({_ASLEEP}))"
    )
    return bool(run(connection, query).rows[0][0])
