"""A source server for the tests of the reader, and what is read from it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pymysql
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from pipeline.configuration.settings import Timeouts
from pipeline.mysql.codecs import field_expression
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.introspect import read_table
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.session_settings import session_statements
from pipeline.mysql.table import Table, TableName
from pipeline.stream.dump import Connect
from pipeline.stream.events import Event, RowsChange, TransactionEnd
from pipeline.stream.reader import BinlogReader
from tests.support.lines import Row


@dataclass
class SourceServer:
    """One MySQL server; each test works in a schema of its own."""

    host: str
    port: int
    user: str
    password: str
    schema: str = ""
    _server_ids: Iterator[int] = field(default_factory=lambda: iter(range(900_000, 2_000_000)))

    def connect(self, **extra: Any) -> pymysql.Connection[Any]:
        arguments = {
            "host": self.host, "port": self.port, "user": self.user, "password": self.password,
            "charset": "utf8mb4", "autocommit": True,
        }  # fmt: skip
        connection = pymysql.connect(**{**arguments, **extra})  # type: ignore[arg-type]
        with connection.cursor() as cursor:
            for statement in session_statements(Timeouts()):
                cursor.execute(statement)
        return connection

    def run(self, *statements: str | bytes) -> tuple[tuple[Any, ...], ...]:
        """Run statements in one session, in the test's schema; the last one's rows."""
        with self.session() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return tuple(cursor.fetchall())

    @contextmanager
    def session(self, **extra: Any) -> Iterator[Any]:
        connection = self.connect(**extra)
        try:
            with connection.cursor() as cursor:
                if self.schema:
                    cursor.execute(f"USE `{self.schema}`")
                yield cursor
        finally:
            connection.close()

    def name(self, table: str) -> TableName:
        return TableName(self.schema, table)

    def table(self, name: str) -> Table:
        engine = create_engine("mysql+pymysql://", creator=self.connect, poolclass=StaticPool)
        try:
            with engine.connect() as connection:
                # Every document has a text, also those that a move refuses for it.
                return read_table(connection, self.name(name)).documents_as_text()
        finally:
            engine.dispose()

    def executed(self) -> str:
        return str(self.run("SELECT @@global.gtid_executed")[0][0]).replace("\n", "")

    def rows(self, table: Table) -> list[Row]:
        """What the server says, in the canonical form of a Field, by key."""
        fields = ", ".join(f"CAST({field_expression(c)} AS BINARY)" for c in table.written)
        order = ", ".join(f"`{c.name}`" for c in table.key_columns)
        return list(self.run(f"SELECT {fields} FROM {quote_name(table.name)} ORDER BY {order}"))

    def reader(
        self,
        position: str,
        *tables: Table,
        aliases: dict[TableName, TableName] | None = None,
        prepared_xa: tuple[str, ...] = (),
        heartbeat_s: float = 0.5,
        connect: Connect | None = None,
        server_id: int | None = None,
    ) -> BinlogReader:
        return BinlogReader(
            connect=connect or self.connect,
            server_id=server_id or next(self._server_ids),
            tables={table.name: table for table in tables},
            aliases=aliases or {},
            position=position,
            prepared_xa=prepared_xa,
            heartbeat_s=heartbeat_s,
        )

    def events(self, position: str, *tables: Table, **options: Any) -> list[Event]:
        """Everything from `position` up to what the server has executed by now."""
        wanted = GtidSet.parse(self.executed())
        reached = GtidSet.parse(position)
        reader = self.reader(position, *tables, **options)
        found: list[Event] = []
        deadline = time.monotonic() + 60
        if reached.contains(wanted):
            return found
        for event in reader:
            found.append(event)
            if isinstance(event, TransactionEnd):
                reached.add(event.gtid)
                if reached.contains(wanted):
                    break
            assert time.monotonic() < deadline, f"{reached} never became {wanted}"
        reader.close()
        return found


def changes(events: list[Event]) -> list[RowsChange]:
    return [event for event in events if isinstance(event, RowsChange)]
