"""Reads the text of a statement far enough to know which tables it changes.

This is no SQL parser: it takes the tokens of tokens.py and knows the heads of the statements that
can change a table. What a head does not name (tables that a query reads, columns, strings) is
ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from pipeline.mysql.alterations import only_indexes, only_options
from pipeline.mysql.table import TableName
from pipeline.mysql.token_reader import TokenReader
from pipeline.mysql.tokens import tokens


class StatementKind(Enum):
    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    ROLLBACK_TO = "rollback to"
    XA_START = "xa start"
    XA_COMMIT = "xa commit"
    XA_ROLLBACK = "xa rollback"
    CHANGE = "change"  # DDL; `targets` are the tables
    ROWS = "rows"  # DML; a view, a trigger or a function may take it beyond `targets`
    OPAQUE = "opaque"  # runs code that may change anything: SELECT f(), CALL; or is not known
    OTHER = "other"  # changes no table's rows or shape


@dataclass(frozen=True)
class Classified:
    """What a statement does. A target with an empty name stands for every table of its schema."""

    kind: StatementKind
    verb: str = ""
    targets: tuple[TableName, ...] = ()
    opens_transaction: bool = False  # CREATE TABLE … SELECT, logged as rows
    inert: bool = False  # by itself it changes nothing of a table that exists
    rows_stay: bool = False  # ALTER TABLE that leaves each row as it is

    def touches(self, table: TableName, *, ignore_case: bool = False) -> bool:
        """Whether the statement changes `table`."""
        return any(
            _same(target.schema, table.schema, ignore_case)
            and (not target.name or _same(target.name, table.name, ignore_case))
            for target in self.targets
        )


def _same(one: str, other: str, ignore_case: bool) -> bool:
    return one == other or (ignore_case and one.lower() == other.lower())


_EXISTS = ("IF", "NOT", "EXISTS")


def classify(sql: str, schema: str, sql_mode: int = 0) -> Classified:
    """Classify the statement `sql`, which ran with the default schema `schema`."""
    reader = TokenReader(list(tokens(sql, sql_mode)), schema)
    while reader.punctuation("("):
        pass
    _skip_prefix(reader)
    control = _control(reader)
    if control is not None:
        return Classified(control)
    first = reader.token.word
    reader.at += 1
    if first == "WITH":
        return _with(reader)
    if first in _CHANGES:
        return _CHANGES[first](reader, first)
    return Classified(StatementKind.OTHER if first in _ROWLESS else StatementKind.OPAQUE, first)


# Heads of statements that change no table's rows or shape. All others are opaque.
_ROWLESS = frozenset(
    {"", "ANALYZE", "CACHE", "CHECK", "CHECKSUM", "FLUSH", "GRANT", "INSTALL", "OPTIMIZE", "PURGE",
     "REPAIR", "RESET", "REVOKE", "SET", "UNINSTALL"}
)  # fmt: skip


def _skip_prefix(reader: TokenReader) -> None:
    """MariaDB's `SET STATEMENT … FOR <statement>` and `ANALYZE <statement>`."""
    words = [token.word for token in reader.items[:2]]
    if words == ["SET", "STATEMENT"]:
        reader.until("FOR")
    elif words[:1] == ["ANALYZE"] and words[-1] in _CHANGES:
        reader.at = 1


def _control(reader: TokenReader) -> StatementKind | None:
    words = [token.word for token in reader.items[:3]]
    match words:
        case ["BEGIN", *_] | ["START", "TRANSACTION", *_]:
            return StatementKind.BEGIN
        case ["COMMIT", *_]:
            return StatementKind.COMMIT
        case ["ROLLBACK", "TO", *_] | ["ROLLBACK", "WORK", "TO", *_]:
            return StatementKind.ROLLBACK_TO
        case ["ROLLBACK", *_]:
            return StatementKind.ROLLBACK
        case ["SAVEPOINT", *_] | ["RELEASE", "SAVEPOINT", *_]:
            return StatementKind.OTHER
        case ["XA", verb, *_]:
            return _XA.get(verb, StatementKind.OTHER)
    return None


_XA = {
    "START": StatementKind.XA_START,
    "BEGIN": StatementKind.XA_START,
    "COMMIT": StatementKind.XA_COMMIT,
    "ROLLBACK": StatementKind.XA_ROLLBACK,
}


def _change(verb: str, targets: list[TableName], opens: bool = False) -> Classified:
    return Classified(StatementKind.CHANGE, verb, tuple(targets), opens)


def _rows(verb: str, targets: list[TableName]) -> Classified:
    return Classified(StatementKind.ROWS, verb, tuple(targets))


def _with(reader: TokenReader) -> Classified:
    """Common table expressions before UPDATE, DELETE or a SELECT."""
    if reader.until("UPDATE"):
        return _update(reader, "UPDATE")
    reader.at = 1
    if reader.until("DELETE"):
        return _delete(reader, "DELETE")
    return Classified(StatementKind.OPAQUE, "WITH")


def _create(reader: TokenReader, verb: str) -> Classified:
    if reader.take("OR"):
        reader.take("REPLACE")
    if reader.take("TEMPORARY"):
        return Classified(StatementKind.OTHER, verb)
    if reader.take("TABLE"):
        inert = reader.token.word == "IF"
        reader.skip(*_EXISTS)
        last = [token.word for token in reader.items[-2:]]
        opens = last == ["START", "TRANSACTION"]
        return replace(_change("CREATE TABLE", reader.name(), opens), inert=inert)
    return _create_on_table(reader, verb)


def _create_on_table(reader: TokenReader, verb: str) -> Classified:
    """An index or a trigger; a view, routine or event changes no table."""
    while reader.at < len(reader.items):
        word = reader.token.word
        if word in ("VIEW", "PROCEDURE", "FUNCTION", "EVENT", "USER", "DATABASE", "SCHEMA"):
            break
        if word in ("INDEX", "TRIGGER"):
            return _change(f"{verb} {word}", reader.name() if reader.until("ON") else [])
        reader.at += 1
    return Classified(StatementKind.OTHER, verb)


def _alter(reader: TokenReader, verb: str) -> Classified:
    reader.skip("ONLINE", "OFFLINE", "IGNORE")
    if not reader.take("TABLE"):
        return Classified(StatementKind.OTHER, verb)
    reader.skip(*_EXISTS)
    found = reader.name()
    changes = reader.items[reader.at :]
    inert = only_options(changes)
    while reader.until("RENAME", "TABLE"):
        word = reader.items[reader.at - 1].word
        if word == "TABLE":  # EXCHANGE PARTITION p WITH TABLE t
            found += reader.name()
        elif reader.token.word not in ("COLUMN", "INDEX", "KEY"):
            reader.skip("TO", "AS", "=")
            found += reader.name()
    rows_stay = inert or only_indexes(changes)
    return replace(_change("ALTER TABLE", found), inert=inert, rows_stay=rows_stay)


def _drop(reader: TokenReader, verb: str) -> Classified:
    if reader.take("TEMPORARY"):
        return Classified(StatementKind.OTHER, verb)
    if reader.take("TABLE", "TABLES"):
        reader.skip(*_EXISTS)
        return _change("DROP TABLE", reader.names())
    if reader.take("DATABASE", "SCHEMA"):
        reader.skip(*_EXISTS)
        return _change("DROP DATABASE", [TableName(name.name, "") for name in reader.name()])
    if reader.take("INDEX") and reader.until("ON"):
        return _change("DROP INDEX", reader.name())
    return Classified(StatementKind.OTHER, verb)


def _truncate(reader: TokenReader, verb: str) -> Classified:
    reader.take("TABLE")
    return _change("TRUNCATE TABLE", reader.name())


def _rename(reader: TokenReader, verb: str) -> Classified:
    if not reader.take("TABLE", "TABLES"):
        return Classified(StatementKind.OTHER, verb)
    reader.skip(*_EXISTS)
    found = reader.name()
    while reader.until("TO"):
        found += reader.name()
        if reader.punctuation(","):
            found += reader.name()
    return _change("RENAME TABLE", found)


# All reserved: no unquoted table has such a name.
_MODIFIERS = ("LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "IGNORE")


def _insert(reader: TokenReader, verb: str) -> Classified:
    reader.skip(*_MODIFIERS)
    reader.take("INTO")
    return _rows(verb, reader.name())


def _update(reader: TokenReader, verb: str) -> Classified:
    reader.skip(*_MODIFIERS)
    return _rows(verb, _table_references(reader, "SET"))


def _delete(reader: TokenReader, verb: str) -> Classified:
    """Read a DELETE; the tables that lose rows stand before FROM, or between FROM and USING."""
    reader.skip(*_MODIFIERS, "QUICK")
    found = [] if reader.token.word == "FROM" else _table_references(reader, "FROM")
    reader.take("FROM")
    return _rows(verb, found + _table_references(reader, "WHERE", "ORDER", "LIMIT", "RETURNING"))


def _table_references(reader: TokenReader, *ends: str) -> list[TableName]:
    """The tables of a join, those that are only read included."""
    found, expected = [], True
    while reader.at < len(reader.items) and reader.token.word not in ends:
        if reader.punctuation("("):
            continue
        if expected:
            found += reader.name()
            expected = False
        elif reader.punctuation(",") or reader.take("JOIN", "STRAIGHT_JOIN"):
            expected = True
        elif reader.take("USING"):  # DELETE's own, if no list of columns follows
            expected = reader.token.text != "("
        else:
            reader.at += 1
    return found


def _load(reader: TokenReader, verb: str) -> Classified:
    if reader.until("INTO") and reader.take("TABLE"):
        return _rows("LOAD DATA", reader.name())
    return Classified(StatementKind.OTHER, verb)


_CHANGES: dict[str, Callable[[TokenReader, str], Classified]] = {
    "CREATE": _create,
    "ALTER": _alter,
    "DROP": _drop,
    "TRUNCATE": _truncate,
    "RENAME": _rename,
    "INSERT": _insert,
    "REPLACE": _insert,
    "UPDATE": _update,
    "DELETE": _delete,
    "LOAD": _load,
}
