"""Whether others use a server at this moment, by their running statements."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import run

# Idle on purpose, in the midst of a statement.
_ASLEEP = "('User sleep', 'User lock')"


def others_run(connection: Connection) -> bool:
    """Whether a statement of another user runs; replication's and the scheduler's don't count.

    Raises:
        FatalError: no SELECT on performance_schema. Without PROCESS, a MariaDB shows nobody.
    """
    ask = _of_mariadb if is_mariadb(connection) else _of_mysql
    return bool(run(connection, ask()).rows[0][0])


def _of_mysql() -> str:
    """Without the lock that the server takes for its process list."""
    return (
        "SELECT EXISTS (SELECT 1 FROM performance_schema.threads"
        " WHERE processlist_command IN ('Query', 'Execute')"
        f" AND COALESCE(processlist_state, '') NOT IN {_ASLEEP}"
        " AND processlist_user NOT IN ('system user', 'event_scheduler', (SELECT processlist_user"
        " FROM performance_schema.threads WHERE processlist_id = CONNECTION_ID())))"
    )


def _of_mariadb() -> str:
    return (
        "SELECT EXISTS (SELECT 1 FROM information_schema.processlist"
        " WHERE command IN ('Query', 'Execute')"
        f" AND COALESCE(state, '') NOT IN {_ASLEEP}"
        " AND user NOT IN ('system user', 'event_scheduler', (SELECT user"
        " FROM information_schema.processlist WHERE id = CONNECTION_ID())))"
    )
