"""Opens sessions, none of which inherits a setting that matters from the server.

Every session sets its own time zone, character set, sql_mode, isolation level and time-outs:
between servers that differ in them every TIMESTAMP would be shifted, or values rounded on the
way (gh-ost's move-tables lost five hours that way).

Short idle time-outs matter: a worker that is stopped inside a transaction holds row locks, and
only the server can release them.
"""

from __future__ import annotations

from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT

from pipeline.configuration.load import server_password
from pipeline.configuration.settings import Server, Timeouts, TlsMode
from pipeline.mysql.failures import translate
from pipeline.mysql.tls import tls_context

# STRICT: a value that does not fit is an error, never a truncation. The other modes let a
# session write what any source may hold: id 0, zero dates and impossible dates.
LENIENT_SQL_MODE = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"
SQL_MODE = f"STRICT_ALL_TABLES,{LENIENT_SQL_MODE}"
LARGEST_CELL = 1 << 30
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
    connection.connect()
    return connection  # type: ignore[no-any-return]


def session_statements(timeouts: Timeouts) -> tuple[str, ...]:
    """The first statements of every session."""
    return (
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET SESSION time_zone = '+00:00'"
        f", sql_mode = '{SQL_MODE}'"
        f", wait_timeout = {timeouts.idle_s}"
        f", net_read_timeout = {timeouts.idle_s}, net_write_timeout = {timeouts.idle_s}"
        f", innodb_lock_wait_timeout = {timeouts.lock_wait_s}"
        f", lock_wait_timeout = {timeouts.lock_wait_s}"
        f", group_concat_max_len = {LARGEST_CELL}"
        # Chunks arrive in any order, and what a cascade does on the source has events of its own.
        ", foreign_key_checks = 0",
    )


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
