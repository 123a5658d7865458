"""Connections by server name, pooled per process.

A control statement and the data it speaks of must commit together (I1, I3), so both go
through one SQLAlchemy connection: control statements as SQLAlchemy Core, data statements
as raw bytes through `run`, which neither interpolates nor re-encodes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import pymysql
from pymysql.connections import Connection as RawConnection
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pipeline.configuration.load import server_settings
from pipeline.configuration.settings import Settings
from pipeline.errors import TranshipError
from pipeline.mysql.connect import open_connection
from pipeline.mysql.failures import NO_SUCH_THREAD, came_from, code_of, driver_errors
from pipeline.mysql.pooled import pooled_engine, transaction_ended
from pipeline.mysql.session_settings import LENIENT_SQL_MODE, SQL_MODE
from pipeline.mysql.summary import StatementSummary

T = TypeVar("T")
_DEPRECATED = frozenset({1287, 3719, 3778, 4165})
_COMPLEMENT = "Cast to unsigned converted negative integer"


@dataclass(frozen=True)
class Result:
    """The answer to a raw statement. `message` is the server's one-line summary."""

    rows: tuple[tuple[Any, ...], ...]
    affected: int
    warnings: int  # all of them, however many the server shows
    message: str

    @property
    def summary(self) -> StatementSummary:
        return StatementSummary.parse(self.message)


class Pools:
    """One small pool for each server that this process talks to."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._engines: dict[tuple[int, str], Engine] = {}

    def engine(self, name: str) -> Engine:
        # By pid: a connection must never be shared across a fork.
        key = (os.getpid(), name)
        if key not in self._engines:
            server_settings(self.settings, name)
            self._engines[key] = pooled_engine(lambda: self.connect(name))
        return self._engines[key]

    def connect(self, name: str, **extra: Any) -> RawConnection[Any]:
        """A connection outside the pool, for a caller that must own one (streamer, rename)."""
        server = server_settings(self.settings, name)
        return open_connection(name, server, self.settings.timeouts, **extra)

    @contextmanager
    def begin(self, name: str) -> Iterator[Connection]:
        """One transaction on the server called `name`; commits at the end, or rolls back.

        Raises:
            TranshipError: whatever the driver raised inside, translated.
        """
        with driver_errors(name), self.engine(name).connect() as connection:
            with connection.begin():
                yield connection
            transaction_ended(connection)

    @contextmanager
    def snapshot(self, name: str) -> Iterator[Connection]:
        """Like `begin`, but all reads see one state of the server; takes no locks.

        Raises:
            TranshipError: whatever the driver raised inside, translated.
        """
        with self.begin(name) as connection:
            run(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            run(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
            yield connection

    def close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()


def ask_every_server(
    pools: Pools, ask: Callable[[Connection, str], Iterable[T]]
) -> tuple[list[T], dict[str, TranshipError]]:
    """What all configured servers answer, and why those without an answer could not be asked."""
    found: list[T] = []
    troubles: dict[str, TranshipError] = {}
    for server in pools.settings.servers:
        try:
            with pools.begin(server) as connection:
                found += ask(connection, server)
        except TranshipError as error:
            troubles[server] = error
    return found, troubles


def run(connection: Connection, statement: str | bytes) -> Result:
    """Send `statement` unchanged, in the transaction of `connection`."""
    raw = connection.connection.driver_connection
    return run_raw(raw, statement)


def run_raw(raw: Any, statement: str | bytes) -> Result:
    """Like `run`, for a raw PyMySQL connection."""
    with raw.cursor() as cursor:
        try:
            cursor.execute(statement)
        except (pymysql.err.MySQLError, OSError) as error:
            came_from(raw, error)
            raise
        rows = tuple(cursor.fetchall())
        message = _message(cursor)
        # The protocol counts to 65,535, the line counts all; most statements have no line.
        warnings = max(cursor.warning_count, StatementSummary.parse(message).warnings)
        return Result(rows, cursor.rowcount, warnings, message)


def _message(cursor: Any) -> str:
    """The server's line on the last statement, "Records: 7  Duplicates: 0  Warnings: 0".

    PyMySQL keeps it in a private attribute only, and leaves the byte of its length before it, which
    makes another word of the first one ("&Records"). The other private parts in use are in
    `pipeline/stream/dump.py`, which nothing here may import: imports go one way. One test,
    tests/unit/stream/test_client_contract.py, watches over all of them.
    """
    message = cursor._result.message
    return message[1:].decode(errors="replace") if message else ""


class MayWarn(Protocol):
    """A table, or what writes to one."""

    @property
    def may_warn_on_write(self) -> bool: ...


@contextmanager
def lenient_sql_mode(connection: Connection, table: MayWarn) -> Iterator[None]:
    """Let the session write what a lenient session of the source could write to `table`."""
    if not table.may_warn_on_write or connection.info.get("lenient"):
        yield
        return
    run(connection, f"SET SESSION sql_mode = '{LENIENT_SQL_MODE}'")
    connection.info["lenient"] = True
    try:
        yield
    finally:
        connection.info["lenient"] = False
        with suppress(Exception):  # a lost connection has no mode
            run(connection, f"SET SESSION sql_mode = '{SQL_MODE}'")


def warnings(connection: Connection, answer: Result) -> list[tuple[int, str]]:
    """Number and text of the last statement's warnings; `answer` is its answer.

    Warnings that say nothing of values are left out: that a name is deprecated (`_ucs2`, utf8mb3),
    and MariaDB's about a SET or BIT whose 64th bit is set, which it converts correctly.
    """
    if not answer.warnings:
        return []
    return [one for one in shown_warnings(connection) if not is_harmless(*one)]


def shown_warnings(connection: Connection) -> list[tuple[int, str]]:
    """Those of the last statement's warnings that the server kept: at most max_error_count."""
    return [(int(row[1]), str(row[2])) for row in run(connection, "SHOW WARNINGS").rows]


def is_harmless(number: int, text: str) -> bool:
    """Whether a warning says nothing of values."""
    return number in _DEPRECATED or text.startswith(_COMPLEMENT)


def roll_back(connection: Connection) -> None:
    """Roll back. A lost connection has no transaction any more, and is given up."""
    try:
        connection.rollback()
    except DBAPIError:
        connection.invalidate()


def end_of_work(connection: Connection) -> None:
    """Close a connection that must not go back to its pool."""
    with suppress(Exception):  # it may be lost already
        connection.invalidate()
    connection.close()


def connection_id(connection: Connection) -> int:
    """The server's number for this connection, which KILL takes."""
    return raw_connection_id(connection.connection.driver_connection)


def raw_connection_id(raw: Any) -> int:
    """Like `connection_id`, for a raw PyMySQL connection."""
    return int(raw.thread_id())


def kill_connection(pools: Pools, server: str, number: int, known_s: float = 0.0) -> None:
    """End our connection `number` on `server`, if it is still there when it is killed.

    `known_s`: how many seconds ago it was known to be there. A server that has restarted since
    gives numbers out again, and so has another one that took its place: the connection that has it
    now may be anybody's.
    """
    with pools.begin(server) as connection:
        if connection_is_alive(connection, number, known_s):
            _kill(connection, number)


def kill_anybody(pools: Pools, server: str, number: int) -> None:
    """End connection `number` on `server`, whoever's it is, if it is still there."""
    with pools.begin(server) as connection:
        _kill(connection, number)


def _kill(connection: Connection, number: int) -> None:
    try:
        run(connection, f"KILL {number}")
    except pymysql.err.MySQLError as error:
        if code_of(error) != NO_SUCH_THREAD:  # it has ended by itself since the look
            raise


def connection_is_alive(connection: Connection, number: int, known_s: float = 0.0) -> bool:
    """Whether our connection that had `number` so many seconds ago is still there."""
    return _command(connection, number, known_s) is not None


def connection_is_busy(connection: Connection, number: int, known_s: float = 0.0) -> bool:
    """Whether that connection is there and has a statement to execute."""
    return _command(connection, number, known_s) not in (None, "Sleep")


def _command(connection: Connection, number: int, known_s: float) -> str | None:
    uptime_s = float(run(connection, "SHOW GLOBAL STATUS LIKE 'Uptime'").rows[0][1])
    if uptime_s < known_s:
        return None
    one = "FROM information_schema.processlist WHERE id"
    our_user = f"SELECT user {one} = CONNECTION_ID()"
    rows = run(connection, f"SELECT command {one} = {number} AND user = ({our_user})").rows
    return str(rows[0][0]) if rows else None
