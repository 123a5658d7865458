"""A change that is logged as text may reach a table that the text does not name."""

from __future__ import annotations

import pytest

from pipeline.errors import FatalError
from pipeline.mysql.table import Table
from tests.integration.stream_decoding.source import SourceServer

_FUNCTION = (
    "CREATE FUNCTION f(n int) RETURNS int DETERMINISTIC MODIFIES SQL DATA"
    " BEGIN INSERT INTO t VALUES (n, 'f'); RETURN n; END"
)
_TRIGGER = "CREATE TRIGGER g AFTER INSERT ON other FOR EACH ROW INSERT INTO t VALUES (NEW.id, 'g')"


@pytest.fixture
def table(source: SourceServer) -> Table:
    source.run(
        "CREATE TABLE t (id int PRIMARY KEY, v varchar(20))",
        "CREATE TABLE other (id int PRIMARY KEY, v varchar(20))",
        "INSERT INTO t VALUES (1, 'a')",
    )
    return source.table("t")


@pytest.mark.parametrize(
    ("made", "change"),
    [
        ("DO 1", "UPDATE other JOIN t USING (id) SET t.v = 'it''s'"),
        ("CREATE VIEW seen AS SELECT * FROM t", "UPDATE seen SET v = 'x'"),
        (_TRIGGER, "INSERT INTO other VALUES (2, 'x')"),
        (_TRIGGER, "REPLACE other SET id = 2"),
        (_FUNCTION, "UPDATE other SET id = f(id + 7)"),
        (_FUNCTION, "DELETE FROM other WHERE f(id + 9)"),
        (_FUNCTION, "SELECT f(5)"),
        (_FUNCTION, "SET @n = f(6)"),
        ("CREATE PROCEDURE p() UPDATE other JOIN t USING (id) SET t.v = 'p'", "CALL p()"),
    ],
    ids=[
        "by its name", "a view", "a trigger", "a trigger, REPLACE", "a function, UPDATE",
        "a function, DELETE",
        "a function, SELECT", "a function, SET", "a procedure",
    ],
)  # fmt: skip
def test_a_row_changed_through_a_view_a_trigger_or_a_function_is_never_lost(
    source: SourceServer, table: Table, made: str, change: str
) -> None:
    trust = "SET GLOBAL log_bin_trust_function_creators = ON"
    source.run(trust, "INSERT INTO other VALUES (1, 'x')", made)
    position = source.executed()
    # As a session has it that is older than SET GLOBAL binlog_format = ROW.
    source.run(
        "SET binlog_format = STATEMENT", "SET transaction_isolation = 'REPEATABLE-READ'", change
    )  # fmt: skip
    with pytest.raises(FatalError, match="logged as the statement"):
        source.events(position, table)


def test_what_a_server_logs_as_text_in_a_row_log_is_no_false_alarm(
    source: SourceServer, table: Table
) -> None:
    position = source.executed()
    source.run(
        "CREATE TEMPORARY TABLE hidden (id int)", "INSERT INTO hidden VALUES (1)",
        "DROP TEMPORARY TABLE hidden", "ANALYZE TABLE t", "OPTIMIZE TABLE other",
        "CREATE TABLE copied SELECT * FROM t", "TRUNCATE copied", "FLUSH TABLES t",
        f"CREATE USER {source.schema}@localhost", f"GRANT SELECT ON t TO {source.schema}@localhost",
        f"SET PASSWORD FOR {source.schema}@localhost = 'x'", f"DROP USER {source.schema}@localhost",
        "CREATE VIEW seen AS SELECT * FROM t", "ALTER VIEW seen AS SELECT id FROM t",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t", "ALTER EVENT e DISABLE",
        "DROP EVENT e", "DROP VIEW seen", "ALTER DATABASE CHARACTER SET latin1",
    )  # fmt: skip
    source.events(position, table)
