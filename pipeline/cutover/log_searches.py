"""Searches of binary logs for a cut-over, and what they have found in words: rows, and by whom."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from pipeline.cutover.search_notes import noted
from pipeline.domain.event_kind import EventKind
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.introspect import read_table
from pipeline.mysql.pools import run
from pipeline.mysql.table import Key, Table, TableName
from pipeline.step.context import Context
from pipeline.stream.applier import RENAME_MARK
from pipeline.stream.events import KeyText, RowsChange
from pipeline.stream.log_search import LoggedTransaction, LogSearch

_SHOWN = 20


def search_of(
    context: Context, server: str, tables: dict[TableName, Table], after: GtidSet
) -> LogSearch:
    """A search of a server's log after `after`, which stays as it is."""
    connect = partial(context.pools.connect, server)
    # No stream of ours has this number: a server ends an older dump that has the same one.
    text = f"{context.migration.id}/search/{context.lease.epoch}"
    number = 0x40000000 + zlib.crc32(text.encode()) % 0x3FFFFFFF
    return LogSearch(connect, number, tables, deepcopy(after))


def read_all(
    context: Context,
    server: str,
    search: LogSearch,
    executed: GtidSet,
    limit_s: float,
    *,
    goes_on: bool = False,
) -> list[LoggedTransaction]:
    """What is found; the search may end early (`LogSearch.until`).

    `goes_on`: later steps go on with it then.
    """
    with noted(context, server, search, executed, goes_on=goes_on) as keep:
        return list(search.until(executed, limit_s, keep))


def tell_unfinished(context: Context, server: str) -> None:
    """Tell that a search has ended early: what it has not found may be there."""
    what = f"the binary log of {server} was not searched to its end in time; what others have"
    context.note(EventKind.CUT_OVER, f"{what} written there at last is not known")


def as_it_is(connection: Connection, name: TableName, key: Key) -> Table:
    """All columns of a table as its server has them now: its log holds those."""
    return replace(read_table(connection, name), key=key)


def is_swap(transaction: LoggedTransaction, migration_id: str) -> bool:
    """Whether it is the rename of our own cut-over."""
    return any(RENAME_MARK + migration_id in sql for _, sql in transaction.statements)


def changes_of(found: Iterable[LoggedTransaction], name: TableName) -> list[RowsChange]:
    return [change for one in found for change in one.rows if change.table == name]


def keys_of(changes: Iterable[RowsChange]) -> list[KeyText]:
    """The keys of the rows, each once, in the order of the log."""
    return list(dict.fromkeys(key for one in changes for key in (*one.before, *one.keys)))


def shown(keys: Iterable[KeyText]) -> str:
    """The keys, for a person."""
    texts = [key.decode(errors="replace").replace("\t", ", ") for key in keys]
    more = f" and {len(texts) - _SHOWN:,} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more


def told(server: Connection, found: list[LoggedTransaction]) -> str:
    """`s.t at the keys 3; 4, by connection 12 (app@10.0.0.7)`."""
    names = dict.fromkeys(change.table for one in found for change in one.rows)
    parts = [f"{name} at the keys {shown(keys_of(changes_of(found, name)))}" for name in names]
    unread = {name for one in found for name in one.unread}
    parts += [f"{name} at keys that can't be told" for name in sorted(unread, key=str)]
    parts += [f"{name} ({sql[:100]})" for one in found for name, sql in one.statements]
    numbers = dict.fromkeys(one.connection for one in found if one.connection is not None)
    by = ", ".join(f"connection {number}{_user(server, number)}" for number in numbers)
    return "; ".join(parts) + (f"; by {by}" if by else "")


def _user(server: Connection, number: int) -> str:
    """Whose connection it is, if it is still there."""
    rows = run(
        server,
        f"SELECT CONCAT(user, '@', host) FROM information_schema.processlist WHERE id = {number}",
    ).rows
    return f" ({rows[0][0]})" if rows else ""
