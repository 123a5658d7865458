"""Finds who holds the tables that a cut-over has to rename or lock, and what waits for what.

Blockers are named to whoever reads why an attempt has failed; if that was asked for of an alter,
they are killed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from pipeline.cutover.decisions import may_kill_blockers
from pipeline.domain.event_kind import EventKind
from pipeline.errors import TranshipError
from pipeline.mysql.pools import kill_anybody, run
from pipeline.mysql.quoting import text_literal
from pipeline.mysql.table import TableName
from pipeline.step.context import Context

_SHOWN = 120
_NAMED = 5
_CHECK_S = 0.3


@dataclass(frozen=True)
class Blocker:
    """A connection that holds a metadata lock on the table."""

    id: int
    user: str
    in_transaction_s: int | None
    statement: str

    def __str__(self) -> str:
        since = self.in_transaction_s
        doing = "" if since is None else f" in a transaction for {since} s,"
        return f"connection {self.id} ({self.user}),{doing} last statement: {self.statement}"


@dataclass
class BlockerWatch:
    """Watches who holds one of `tables` while a connection of `ours` waits for it."""

    context: Context
    tables: tuple[TableName, ...]
    ours: tuple[int, ...]
    _last: tuple[Blocker, ...] = ()
    _checks: int = 0
    _trouble: str = ""
    _spared: set[int] = field(default_factory=set)

    def check(self, waited_s: float) -> None:
        """Every third of a second of waiting, find out who holds a table; kill them if asked."""
        if waited_s < _CHECK_S * (self._checks + 1):
            return
        self._checks += 1
        try:
            with self.context.source() as server:
                found = blockers(server, self.tables, self.ours)
        except TranshipError as error:  # a move does not need the right to know
            self._trouble = error.explanation
            return
        self._last = tuple(found) or self._last
        if may_kill_blockers(self.context.migration):
            for one in found:
                self._kill(one)

    def _kill(self, one: Blocker) -> None:
        try:
            kill_anybody(self.context.pools, self.context.migration.source, one.id)
        except TranshipError as error:  # a user with SYSTEM_USER, say; it may end by itself
            if one.id not in self._spared:  # once is enough
                self._spared.add(one.id)
                self.context.note(EventKind.FORCE, f"not killed: {one}: {error.explanation}")
            return
        self.context.note(EventKind.FORCE, f"killed: {one}")

    @property
    def found(self) -> str:
        """The end of a message that says that there was no lock."""
        if self._last:
            return f"; held by {'; '.join(str(one) for one in self._last[:_NAMED])}"
        return f"; by whom can't be read: {self._trouble}" if self._trouble else ""


def blockers(
    connection: Connection, tables: tuple[TableName, ...], ours: tuple[int, ...]
) -> list[Blocker]:
    """Whoever holds a lock on one of `tables`, except for the connections `ours`."""
    rows = run(
        connection,
        "SELECT DISTINCT t.processlist_id, CONCAT(t.processlist_user, '@', t.processlist_host),"
        " TIMESTAMPDIFF(SECOND, x.trx_started, NOW()),"
        f" LEFT(COALESCE(t.processlist_info, s.sql_text, '?'), {_SHOWN})"
        " FROM performance_schema.metadata_locks m"
        " JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id"
        " LEFT JOIN performance_schema.events_statements_current s ON s.thread_id = t.thread_id"
        " LEFT JOIN information_schema.innodb_trx x ON x.trx_mysql_thread_id = t.processlist_id"
        f" WHERE ({' OR '.join(map(_on, tables))})"
        " AND m.lock_status = 'GRANTED' AND t.processlist_id IS NOT NULL"
        f" AND t.processlist_id NOT IN ({', '.join(map(str, (0, *ours)))})",
    ).rows
    return [
        Blocker(int(number), str(user), None if since is None else int(since), _line(text))
        for number, user, since, text in rows
    ]


def waits_for(connection: Connection, number: int, table: TableName) -> bool:
    """Whether connection `number` waits for an exclusive lock on `table`."""
    rows = run(
        connection,
        "SELECT 1 FROM performance_schema.metadata_locks m"
        " JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id"
        f" WHERE t.processlist_id = {number} AND m.lock_status = 'PENDING'"
        f" AND m.lock_type = 'EXCLUSIVE' AND {_on(table)}",
    ).rows
    return bool(rows)


def _on(table: TableName) -> str:
    return (
        f"m.object_type = 'TABLE' AND m.object_schema = {text_literal(table.schema)}"
        f" AND m.object_name = {text_literal(table.name)}"
    )


def _line(text: object) -> str:
    shown = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return " ".join(shown.split())
