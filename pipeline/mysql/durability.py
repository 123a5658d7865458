"""What a server loses if its machine crashes: nothing, or what it has committed last.

A server that keeps its log, or its binary log, in memory for a while may lose the end of either. It
then gives GTIDs out again that stood for other transactions before, so no comparison of GTID sets
tells. What does tell is that it has been started since.
"""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.mysql.flavours import identity, is_mariadb
from pipeline.mysql.pools import run
from pipeline.mysql.server_run import ServerRun

_DURABLE = {"sync_binlog": ("1",), "innodb_flush_log_at_trx_commit": ("1", "3")}


def lax_settings(connection: Connection) -> list[str]:
    """The settings by which the server may lose what it has committed, as `name = value`."""
    names = ", ".join(f"@@GLOBAL.{name}" for name in _DURABLE)
    found = dict(zip(_DURABLE, map(str, run(connection, f"SELECT {names}").rows[0]), strict=True))
    return [f"{name} = {found[name]}" for name, safe in _DURABLE.items() if found[name] not in safe]


def server_run(connection: Connection) -> ServerRun:
    """The present run of the server."""
    return ServerRun(identity(connection), _started(connection), bool(lax_settings(connection)))


def _started(connection: Connection) -> int:
    """When the server was started, in epoch seconds of its clock then.

    In one statement, in which the clock stands still: so it is the same until the next start.
    """
    where = "information_schema" if is_mariadb(connection) else "performance_schema"
    rows = run(
        connection,
        f"SELECT UNIX_TIMESTAMP() - variable_value FROM {where}.global_status"
        " WHERE variable_name = 'Uptime'",
    ).rows
    return int(rows[0][0])
