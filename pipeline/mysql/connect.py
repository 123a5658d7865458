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
from pipeline.mysql.failures import belongs_to, translate
from pipeline.mysql.tls import tls_context

# STRICT: a value that does not fit is an error, never a truncation. The other modes let a
# session write what any source may hold: id 0, zero dates and impossible dates.
LENIENT_SQL_MODE = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"
SQL_MODE = f"STRICT_ALL_TABLES,{LENIENT_SQL_MODE}"
LARGEST_CELL = 1 << 30
# What could change a result, or end a statement, if a server's default were taken over. Not
# `= DEFAULT`, which is the server's. Those that ask for a privilege are in preflight/settings.py.
_NOT_INHERITED = {
    "unique_checks": "1",  # without them a duplicate may enter a unique index
    "sql_select_limit": str(2**64 - 1),
    "max_join_size": str(2**64 - 1),
    "sql_big_selects": "1",
    "sql_safe_updates": "0",
    "completion_type": "0",
    "sql_auto_is_null": "0",
    "sql_notes": "1",
    "sql_quote_show_create": "1",
    "max_sort_length": "8388608",
    "explicit_defaults_for_timestamp": "1",
    "default_storage_engine": "InnoDB",
}
_MYSQL_ONLY = "/*!80000 , max_execution_time = 0, show_create_table_verbosity = 0 */"
_MYSQL_8_0_30 = "/*!80030 , show_gipk_in_create_table_and_information_schema = 1 */"
# A row that violates a CHECK is as the source has it.
_MARIADB_ONLY = "/*M!101000 , max_statement_time = 0, check_constraint_checks = 0 */"
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
    connection.connect()
    return connection  # type: ignore[no-any-return]


def session_statements(timeouts: Timeouts) -> tuple[str, ...]:
    """The first statements of every session."""
    return (
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
        "SET SESSION time_zone = '+00:00'"
        f", sql_mode = '{SQL_MODE}'"
        f", wait_timeout = {timeouts.idle_s}"
        f", net_read_timeout = {timeouts.idle_s}, net_write_timeout = {timeouts.idle_s}"
        f", innodb_lock_wait_timeout = {timeouts.lock_wait_s}"
        f", lock_wait_timeout = {timeouts.lock_wait_s}"
        f", group_concat_max_len = {LARGEST_CELL}"
        # Chunks arrive in any order, and what a cascade does on the source has events of its own.
        ", foreign_key_checks = 0",
        f"SET SESSION {', '.join(f'{name} = {value}' for name, value in _NOT_INHERITED.items())}"
        f" {_MYSQL_ONLY} {_MYSQL_8_0_30} {_MARIADB_ONLY}",
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
