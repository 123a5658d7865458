"""What the reader makes of complete transactions, in every shape that a source writes."""

from __future__ import annotations

import pytest

from pipeline.errors import FatalError
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.table import Table
from pipeline.stream import decode_transaction
from pipeline.stream.events import (
    Event,
    Heartbeat,
    RowsChange,
    StatementSeen,
    TransactionBegin,
    TransactionEnd,
)
from tests.integration.stream_decoding.source import SourceServer, changes
from tests.support.lines import rows_in


@pytest.fixture
def table(source: SourceServer) -> Table:
    source.run(
        "CREATE TABLE t (id int PRIMARY KEY, v varchar(20))",
        "CREATE TABLE other (id int PRIMARY KEY, v varchar(20))",
    )
    return source.table("t")


def shape(events: list[Event]) -> str:
    """One letter an event: transactions in brackets."""
    letters = {
        TransactionBegin: "(", TransactionEnd: ")", RowsChange: "r", StatementSeen: "s",
        Heartbeat: "",
    }  # fmt: skip
    return "".join(letters[type(event)] for event in events)


def after(source: SourceServer, table: Table, *statements: str) -> list[Event]:
    position = source.executed()
    source.run(*statements)
    return source.events(position, table)


def test_a_gtid_without_rows_of_ours_still_moves_the_position(
    source: SourceServer, table: Table
) -> None:
    position = source.executed()
    source.run(
        "INSERT INTO other VALUES (1, 'x')",
        "CREATE TABLE third (id int)",
        "BEGIN",
        "COMMIT",
        "SET gtid_next = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:1'",
        "BEGIN",
        "COMMIT",
        "SET gtid_next = AUTOMATIC",
        "FLUSH BINARY LOGS",
        "DROP TABLE third",
        "ANALYZE TABLE t",
    )
    events = source.events(position, table)
    assert set(shape(events)) == {"(", ")"}
    begun = [event.gtid for event in events if isinstance(event, TransactionBegin)]
    ended = [event.gtid for event in events if isinstance(event, TransactionEnd)]
    assert begun == ended
    reached = GtidSet.parse(position)
    for gtid in ended:
        reached.add(gtid)
    assert str(reached) == str(GtidSet.parse(source.executed()))


def test_a_rolled_back_savepoint_leaves_no_rows(source: SourceServer, table: Table) -> None:
    events = after(
        source, table, "BEGIN", "INSERT INTO t VALUES (1, 'a')", "SAVEPOINT s",
        "INSERT INTO t VALUES (2, 'b')", "ROLLBACK TO s", "INSERT INTO t VALUES (3, 'c')",
        "SAVEPOINT s", "RELEASE SAVEPOINT s", "COMMIT",
    )  # fmt: skip
    assert shape(events) == "(rr)"
    rows = [row for change in changes(events) for row in rows_in(change.after)]
    assert rows == [(b"1", b"a"), (b"3", b"c")]


def test_a_compressed_transaction_is_not_lost(source: SourceServer, table: Table) -> None:
    values = ", ".join(f"({number}, 'row {number}')" for number in range(5000))
    events = after(
        source, table, "SET binlog_transaction_compression = ON",
        f"INSERT INTO t VALUES {values}", "UPDATE t SET v = 'x' WHERE id < 3",
        "INSERT INTO other SELECT * FROM t", "DELETE FROM t WHERE id = 4",
    )  # fmt: skip
    rows = [row for change in changes(events) for row in rows_in(change.after)]
    assert rows[:5000] == [(b"%d" % n, b"row %d" % n) for n in range(5000)]
    assert len(rows) == 5003
    assert shape(events).endswith("r)(r)()(r)")


def test_without_the_payload_decoder_a_compressed_transaction_stops_the_stream(
    source: SourceServer, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode_transaction.log, "TRANSACTION_PAYLOAD", -1)
    with pytest.raises(FatalError, match="type 40"):
        after(
            source, table, "SET binlog_transaction_compression = ON",
            "INSERT INTO t VALUES (1, 'x')",
        )  # fmt: skip


def test_create_table_select_does_not_end_at_its_first_statement(
    source: SourceServer, table: Table
) -> None:
    source.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    events = after(source, table, "CREATE TABLE copied SELECT * FROM t")
    assert shape(events) == "()"
    position = source.executed()
    source.run("CREATE TABLE `_t_del` SELECT * FROM t", "DROP TABLE `_t_del`")
    retired_name = {source.name("_t_del"): table.name}
    assert shape(source.events(position, table, aliases=retired_name)) == "(sr)(s)"


def test_rows_logged_under_the_retired_name_belong_to_the_same_table(
    source: SourceServer, table: Table
) -> None:
    position = source.executed()
    rename = "RENAME TABLE t TO _t_del /* tranship 7 */"
    source.run("INSERT INTO t VALUES (1, 'a')", rename, "INSERT INTO _t_del VALUES (2, 'b')")
    events = source.events(position, table, aliases={source.name("_t_del"): table.name})
    assert shape(events) == "(r)(s)(r)"
    assert {change.table for change in changes(events)} == {table.name}
    (seen,) = (event for event in events if isinstance(event, StatementSeen))
    assert (seen.table, seen.verb, seen.sql) == (table.name, "RENAME TABLE", rename)
    begun = [event.gtid for event in events if isinstance(event, TransactionBegin)]
    assert seen.gtid == begun[1]


@pytest.mark.parametrize(
    "ddl",
    [
        "ALTER TABLE t ADD COLUMN w int", "TRUNCATE t", "DROP TABLE other, t",
        "RENAME TABLE t TO u",
        "CREATE INDEX i ON t (v)", "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
        "ALTER TABLE other RENAME TO other2, ALGORITHM=INPLACE", "CREATE TABLE o LIKE t",
    ],
)  # fmt: skip
def test_ddl_is_seen_on_the_migrations_table_and_not_on_others(
    source: SourceServer, table: Table, ddl: str
) -> None:
    events = after(source, table, ddl)
    ours = "other RENAME" not in ddl and "LIKE" not in ddl
    assert shape(events) == ("(s)" if ours else "()")


def test_dropping_the_schema_is_seen(source: SourceServer, table: Table) -> None:
    position = source.executed()
    with source.session() as cursor:
        cursor.execute(f"DROP DATABASE {source.schema}")
    source.schema = ""
    assert shape(source.events(position, table)) == "(s)"


def test_xa_rows_are_refused_unless_they_commit_in_one_phase(
    source: SourceServer, table: Table
) -> None:
    one_phase = ("XA START 'a'", "INSERT INTO t VALUES (1, 'a')", "XA END 'a'")
    assert shape(after(source, table, *one_phase, "XA COMMIT 'a' ONE PHASE")) == "(r)"
    others = (
        "XA START 'b'", "INSERT INTO other VALUES (1, 'a')", "XA END 'b'", "XA PREPARE 'b'",
        "XA COMMIT 'b'",
    )  # fmt: skip
    assert shape(after(source, table, *others)) == "()()"
    ours = [statement.replace("other", "t").replace("(1", "(2") for statement in others]
    with pytest.raises(FatalError, match="XA transaction"):
        after(source, table, *ours)


def test_an_image_without_all_columns_is_refused(source: SourceServer, table: Table) -> None:
    source.run("INSERT INTO t VALUES (1, 'a')")
    with pytest.raises(FatalError, match="binlog_row_image"):
        after(source, table, "SET binlog_row_image = MINIMAL", "DELETE FROM t")


def test_partial_json_updates_are_refused(source: SourceServer) -> None:
    source.run("CREATE TABLE t (id int PRIMARY KEY, j json)", "CREATE TABLE o LIKE t")
    update = "UPDATE t SET j = JSON_SET(j, '$.a', 2)"
    table = source.table("t")
    for name in ("t", "o"):
        source.run(f"INSERT INTO {name} VALUES (1, JSON_OBJECT('a', 1, 'b', REPEAT('x', 100)))")
    partial = "SET binlog_row_value_options = PARTIAL_JSON"
    assert shape(after(source, table, partial, update.replace("t SET", "o SET"))) == "()"
    with pytest.raises(FatalError, match="partial"):
        after(source, table, partial, update)


def test_a_definition_that_is_not_the_logs_is_refused(source: SourceServer, table: Table) -> None:
    position = source.executed()
    source.run("INSERT INTO t VALUES (1, '1')")
    source.run("ALTER TABLE t MODIFY v int NULL")
    with pytest.raises(FatalError, match=r"column v .* is logged as type 15"):
        source.events(position, source.table("t"))
    source.run("ALTER TABLE t ADD COLUMN w int")
    with pytest.raises(FatalError, match="2 columns, the definition 3"):
        source.events(position, source.table("t"))


def test_generated_and_invisible_columns_do_not_shift_the_others(source: SourceServer) -> None:
    source.run(
        "CREATE TABLE g (a int, v1 int AS (a + 1) VIRTUAL, s1 int AS (a + 2) STORED,"
        " hidden varchar(10) INVISIBLE DEFAULT 'h', v2 varchar(10) AS (CONCAT(hidden, a)) VIRTUAL,"
        " z int NULL, id int PRIMARY KEY, INDEX ((a + 5)), INDEX (v1))"
    )
    table = source.table("g")
    events = after(
        source, table, "INSERT INTO g (a, z, id) VALUES (1, NULL, 10), (NULL, 7, 11)",
        "UPDATE g SET a = 5, id = id + 10", "DELETE FROM g",
    )  # fmt: skip
    insert, update, delete = changes(events)
    assert rows_in(insert.after) == [(b"1", b"h", None, b"10"), (None, b"h", b"7", b"11")]
    assert rows_in(update.before) == [(b"10",), (b"11",)]
    assert rows_in(update.after) == [(b"5", b"h", None, b"20"), (b"5", b"h", b"7", b"21")]
    assert rows_in(delete.before) == [(b"20",), (b"21",)]


def test_keys_come_in_the_order_of_the_key(source: SourceServer) -> None:
    source.run("CREATE TABLE k (a int, b varchar(9), c int, PRIMARY KEY (c, b))")
    table = source.table("k")
    events = after(source, table, "INSERT INTO k VALUES (1, 'x', 2)", "DELETE FROM k")
    assert rows_in(changes(events)[1].before) == [(b"2", b"x")]


@pytest.mark.parametrize(
    "index",
    [
        "KEY ((a + 1))",
        "KEY ((CAST(j->'$.n' AS UNSIGNED ARRAY)))",
        "FULLTEXT KEY (t)",
        "KEY ((LOWER(t)))",
    ],
)
def test_the_hidden_columns_of_an_index_do_not_shift_the_others(
    source: SourceServer, index: str
) -> None:
    columns = "id int PRIMARY KEY, a int, j json, t varchar(40)"
    source.run(f"CREATE TABLE t ({columns}, {index})")
    table = source.table("t")
    before = source.executed()
    source.run("INSERT INTO t VALUES (1, 5, JSON_OBJECT('n', JSON_ARRAY(3, 4)), 'Words')")
    found = changes(source.events(before, table))
    assert [rows_in(change.after) for change in found] == [
        [(b"1", b"5", b'{"n": [3, 4]}', b"Words")]
    ]


def test_a_transaction_is_as_old_as_its_commit_not_as_its_first_statement(
    source: SourceServer, table: Table
) -> None:
    """The headers say when statements began, in whole seconds: a lag of an hour, here."""

    def now() -> float:
        return float(source.run("SELECT UNIX_TIMESTAMP(SYSDATE(6))")[0][0])

    before = now()
    hour_ago = "SET timestamp = UNIX_TIMESTAMP() - 3600"
    events = after(source, table, hour_ago, "INSERT INTO t VALUES (1, 'a')")
    (ended,) = [event for event in events if isinstance(event, TransactionEnd)]
    assert before <= ended.timestamp <= now()
