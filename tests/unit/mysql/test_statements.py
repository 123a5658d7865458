"""Statements: a change of a table that is not recognised would be skipped by the stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.mysql.statements import StatementKind, classify
from pipeline.mysql.table import TableName
from pipeline.mysql.tokens import tokens

T = TableName("db", "t")


def touches(sql: str, schema: str = "db", sql_mode: int = 0) -> bool:
    return classify(sql, schema, sql_mode).touches(T)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE t", "drop table if exists `db`.`t`", "DROP TABLE x, db . t CASCADE",
        "DROP /*!40000 TABLE */ t", "/* a */ DROP -- b\n TABLE # c\n t", "DROP TABLE`t`",
        "TRUNCATE t", "TRUNCATE TABLE db.t", "RENAME TABLE t TO u", "RENAME TABLE u TO v, v TO t",
        "RENAME TABLE `a``b` TO c, db.t TO d /* tranship 7 */", "RENAME TABLES IF EXISTS t TO u",
        "ALTER TABLE t ADD x int", "ALTER TABLE u RENAME t", "ALTER TABLE u RENAME TO db.t",
        "ALTER TABLE u ADD COLUMN a int, RENAME AS t", "ALTER IGNORE TABLE t DROP x",
        "ALTER TABLE u EXCHANGE PARTITION p WITH TABLE t", "CREATE TABLE t (a int)",
        "CREATE TABLE IF NOT EXISTS t LIKE x", "CREATE OR REPLACE TABLE t (a int)",
        "CREATE UNIQUE INDEX i ON t (a)", "DROP INDEX `i` ON t",
        "CREATE DEFINER=`a`@`b` TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
        "DROP DATABASE db", "DROP SCHEMA IF EXISTS `db`",
        "INSERT INTO t VALUES (1)", "INSERT IGNORE t SELECT 1", "INSERT t SET a = 1",
        "REPLACE INTO db.t VALUES (1)", "REPLACE t VALUES ('(')",
        "UPDATE t SET a = 1", "UPDATE LOW_PRIORITY x JOIN t USING (id) SET a = 1",
        "UPDATE (x, t) SET a = 1", "UPDATE x LEFT JOIN (y CROSS JOIN t) ON 1 SET a = 1",
        "DELETE FROM t", "DELETE QUICK t FROM t JOIN u", "DELETE FROM t USING t JOIN u WHERE 1",
        "DELETE FROM x USING x, t", "WITH c AS (SELECT 1) DELETE FROM t",
        "WITH c AS (SELECT 'UPDATE') UPDATE t SET a = 1",
        "LOAD DATA LOCAL INFILE 'x' IGNORE INTO TABLE t FIELDS TERMINATED BY ','",
        "SET STATEMENT max_statement_time=1 FOR UPDATE t SET a = 1",
        "INSERT /*! IGNORE */ INTO t VALUES (1)", "/*M!100100 TRUNCATE */ t",
    ],
)  # fmt: skip
def test_a_change_of_the_migrations_table_is_never_missed(sql: str) -> None:
    assert touches(sql)
    assert not touches(sql, "elsewhere") or "db" in sql


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE other.t", "DROP TABLE tt", "DROP TEMPORARY TABLE t", "DROP VIEW t",
        "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`", "DROP TABLE `db.t`",
        "ALTER TABLE x ADD COLUMN t int", "ALTER TABLE x RENAME COLUMN a TO t",
        "ALTER TABLE x RENAME INDEX i TO t", "ALTER TABLE x ADD CONSTRAINT t CHECK (a = 't')",
        "INSERT INTO x (t) VALUES ('t')", "INSERT INTO x SELECT * FROM t",
        "UPDATE x SET t = 1", "UPDATE x JOIN y USING (t) SET a = 1", "UPDATE x SET a = t.b",
        "DELETE FROM x WHERE t = 1", "DELETE FROM x WHERE a IN (SELECT a FROM t)",
        "CREATE TABLE x LIKE t", "CREATE TABLE x SELECT * FROM t",
        "CREATE VIEW v AS SELECT * FROM t",
        "CREATE PROCEDURE p() DROP TABLE t",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DROP TABLE t",
        "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW INSERT INTO t VALUES (1)",
        "CREATE INDEX t ON x (t)", "DROP INDEX t ON x", "DROP DATABASE db2", "DROP DATABASE t",
        "ANALYZE TABLE t", "OPTIMIZE TABLE t", "GRANT ALL ON db.t TO a", "FLUSH TABLES t",
        "RENAME TABLE x TO other.t", "# DROP TABLE t", "/* DROP TABLE t */", "",
        "RENAME TABLE x TO y -- , t TO z", "INSERT INTO x VALUES ('\\'; DROP TABLE t -- ')",
        "SAVEPOINT t", "XA COMMIT 't'", "ANALYZE", "SET STATEMENT", "WITH", "DROP", "ALTER TABLE",
    ],
)  # fmt: skip
def test_a_column_or_another_tables_name_is_no_false_alarm(sql: str) -> None:
    assert not touches(sql)


def test_ansi_quotes_make_names_of_double_quotes() -> None:
    assert touches('DROP TABLE "db"."t"', sql_mode=4)
    assert not touches('INSERT INTO x VALUES ("t")')


def test_a_backslash_escapes_only_where_the_mode_says_so() -> None:
    sql = "INSERT INTO x VALUES ('\\'), ('a'); , t TO u -- ')"
    assert [token.text for token in tokens("'\\' t '", 1 << 20)] == ["'", "t", "'"]
    assert [token.text for token in tokens("'\\' t '", 0)] == ["'"]
    assert not touches(sql)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("BEGIN", StatementKind.BEGIN), ("COMMIT", StatementKind.COMMIT),
        ("SAVEPOINT `a`", StatementKind.OTHER), ("ROLLBACK", StatementKind.ROLLBACK),
        ("ROLLBACK TO `s`", StatementKind.ROLLBACK_TO),
        ("XA START X'61',X'',1", StatementKind.XA_START), ("XA END X'61'", StatementKind.OTHER),
        ("XA COMMIT X'61',X'',1", StatementKind.XA_COMMIT),
        ("XA ROLLBACK X'61'", StatementKind.XA_ROLLBACK),
        ("SELECT `db`.`f`()", StatementKind.OPAQUE), ("GRANT ALL ON *.* TO x", StatementKind.OTHER),
    ],
)  # fmt: skip
def test_transaction_control_is_told_from_changes(sql: str, kind: StatementKind) -> None:
    assert classify(sql, "db").kind is kind


@pytest.mark.parametrize(
    ("sql", "inert"),
    [
        ("CREATE TABLE IF NOT EXISTS t (a int)", True), ("CREATE TABLE t (a int)", False),
        ("CREATE OR REPLACE TABLE t (a int)", False), ("ALTER TABLE t ENGINE=InnoDB", True),
        ("ALTER TABLE t FORCE, COMMENT 'x'", True), ("ALTER TABLE t AUTO_INCREMENT = 7", True),
        ("ALTER TABLE t FORCE, ADD c int", False), ("ALTER TABLE t ENGINE = MyISAM", False),
        ("ALTER TABLE t COMMENT 'x', DROP `force`", False), ("ALTER TABLE t RENAME u", False),
        ("ALTER TABLE t FORCE, ALGORITHM = COPY", False), ("TRUNCATE t", False),
        ("DROP TABLE IF EXISTS t", False), ("ALTER TABLE t MODIFY a int", False),
    ],
)  # fmt: skip
def test_only_what_can_change_nothing_is_called_inert(sql: str, inert: bool) -> None:
    assert classify(sql, "db").inert is inert


def test_create_select_leaves_the_transaction_open() -> None:
    assert classify("CREATE TABLE `x` (\n `a` int\n) START TRANSACTION", "db").opens_transaction
    assert not classify("CREATE TABLE x (a int)", "db").opens_transaction


names = st.text(min_size=1, max_size=12).filter(lambda name: "\x00" not in name)
noise = st.lists(
    st.sampled_from([" ", "\n", "\t", "/* x */", "/**/", "# y\n", "-- z\n", "/* ' */", "# `\n"]),
    min_size=1, max_size=4,
).map("".join)  # fmt: skip


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@given(schema=names, name=names, spaces=st.lists(noise, min_size=5, max_size=5))
def test_any_quoted_name_is_found_through_any_comments(
    schema: str, name: str, spaces: list[str]
) -> None:
    a, b, c, d, e = spaces
    table = f"{quoted(schema)}{d}.{e}{quoted(name)}"
    sql = f"{a}DROP{b}TABLE{c}`x`,{table}"
    assert classify(sql, "q").touches(TableName(schema, name))


@given(st.text())
def test_a_string_never_names_a_table(text: str) -> None:
    literal = "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    found = classify(f"INSERT INTO x VALUES ({literal}), (1)", "db")
    assert found.targets == (TableName("db", "x"),)
    assert [token.text for token in tokens(literal)] == ["'"]


@given(st.text(), st.sampled_from([0, 4, 1 << 20, 5 | 1 << 20]))
def test_no_text_breaks_the_tokenizer(text: str, sql_mode: int) -> None:
    classify(text, "db", sql_mode)


@given(st.lists(st.sampled_from(
    ["DROP", "TABLE", "t", "`t`", ".", ",", "(", ")", "'", "UPDATE", "JOIN", "SET", "DELETE",
     "FROM", "USING", "RENAME", "TO", "ALTER", "CREATE", "ON", "TRIGGER", "/*!", "*/", "WITH", "IF"]
)))  # fmt: skip
def test_no_order_of_words_breaks_the_reader(words: list[str]) -> None:
    classify(" ".join(words), "db")
