"""Opens sessions: how the driver logs in, and what becomes of its errors.

The first statements of each are in session_settings.py.
"""

from __future__ import annotations

from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT

from pipeline.configuration.load import server_password
from pipeline.configuration.settings import Server, Timeouts, TlsMode
from pipeline.mysql.failures import belongs_to, translate
from pipeline.mysql.session_settings import session_statements
from pipeline.mysql.tls import tls_context

PROGRAM = "tranship"  # what sessions of ours call themselves


def open_connection(name: str, server: Server, timeouts: Timeouts, **extra: Any) -> Connection[Any]:
    """A session on `server` with every setting that matters.

    Raises:
        RetryableError: the server can't be reached now.
        RefusedError: it answers, but refuses the login, or its TLS is not what was asked for.
    """
    try:
        connection = _connect(server, {**_arguments(server, timeouts), **extra})
    except pymysql.err.MySQLError as error:
        raise translate(error, f"{name} ({server.address})") from None
    belongs_to(connection, name)
    try:
        with connection.cursor() as cursor:
            for statement in session_statements(timeouts):
                cursor.execute(statement)
        connection.commit()
    except pymysql.err.MySQLError as error:
        connection.close()
        raise translate(error, f"{name} ({server.address})") from None
    return connection


def _connect(server: Server, arguments: dict[str, Any]) -> Connection[Any]:
    connection: Any = pymysql.connect(**arguments, defer_connect=True)
    if server.socket is None and server.tls.mode is TlsMode.PREFERRED:
        # The driver's own way to prefer TLS is to be told nothing of it. It then reads all the
        # certificates of the system for each connection, and verifies nothing by them.
        connection.ssl, connection.ctx = True, tls_context(server.tls)
    # The driver's own limit is for the connection alone: a server that hangs would keep the login
    # waiting for as long as a statement may take.
    lasting, connection._read_timeout = connection._read_timeout, connection.connect_timeout
    connection.connect()
    connection._read_timeout = lasting
    return connection  # type: ignore[no-any-return]


def _arguments(server: Server, timeouts: Timeouts) -> dict[str, Any]:
    """What the driver needs to log in. Never log it."""
    return {
        **_transport(server),
        "user": server.user,
        "password": server_password(server),
        "connect_timeout": max(1, round(timeouts.connect_s)),
        "charset": "utf8mb4",
        "autocommit": False,
        "local_infile": True,
        "read_timeout": timeouts.read_s,
        "write_timeout": timeouts.read_s,
        "program_name": PROGRAM,
        # An UPDATE reports the rows that it matched, not those that it changed: fences rely on it.
        "client_flag": CLIENT.FOUND_ROWS,
    }


def _transport(server: Server) -> dict[str, Any]:
    """Where the server is, and how the driver gets there."""
    if server.socket is not None:
        # A server offers TLS on its socket, too, where it protects nothing and costs the same.
        return {"unix_socket": str(server.socket), "ssl_disabled": True}
    address = {"host": server.host, "port": server.port}
    if server.tls.mode in (TlsMode.REQUIRED, TlsMode.VERIFY):
        return {**address, "ssl": tls_context(server.tls)}
    return {**address, "ssl_disabled": True}
