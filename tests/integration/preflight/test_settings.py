"""Settings of the servers by which changes, or what they mean, would get lost."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from pipeline.mysql.pools import Pools, run_raw
from pipeline.preflight.findings import Scope, Severity
from pipeline.preflight.registry import run_preflight
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET
from tests.support.preflight import PLAIN, against, asked, do, setting


@pytest.mark.parametrize(
    ("server", "name", "value", "check"),
    [
        (SOURCE, "binlog_error_action", "IGNORE_ERROR", "binary log"),
        (TARGET, "character_set_filesystem", "utf32", "settings"),
        (SOURCE, "default_collation_for_utf8mb4", "utf8mb4_general_ci", "settings"),
        (TARGET, "sql_require_primary_key", "1", "settings"),
        (TARGET, "sql_generate_invisible_primary_key", "1", "settings"),
    ],
)
def test_a_setting_that_no_session_can_undo_is_refused(
    pools: Pools, schema: str, server: str, name: str, value: str, check: str
) -> None:
    do(pools, SOURCE, f"CREATE TABLE {schema}.t (id INT NOT NULL, v INT, UNIQUE KEY (id))")
    with setting(pools, server, name, value):
        found = against(pools, asked(schema))
    assert list(found) == [check]
    assert name in found[check].explanation
    assert found[check].remedy


def test_a_session_older_than_the_setting_is_named(
    pools: Pools, schema: str, connect: Connect
) -> None:
    """It keeps its binlog_format after SET GLOBAL, and logs text that the stream can't follow."""
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    with setting(pools, SOURCE, "binlog_format", "STATEMENT"):
        older = connect(SOURCE)
    refusal = against(pools, asked(schema))["sessions"]
    assert f"{older.thread_id()} of" in refusal.explanation
    assert f"KILL {older.thread_id()};" in refusal.remedy


def test_a_session_that_logs_nothing_is_named(pools: Pools, schema: str, connect: Connect) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    silent = connect(SOURCE)
    run_raw(silent, "SET SESSION sql_log_bin = 0")
    refusal = against(pools, asked(schema))["sessions"]
    assert f"{silent.thread_id()} of" in refusal.explanation
    assert "sql_log_bin = OFF" in refusal.explanation


def said_of_durability(pools: Pools, schema: str) -> dict[str, str]:
    """What preflight warns of, by server."""
    findings = [
        found.explanation
        for found in run_preflight(pools, asked(schema), Scope.START)
        if found.check == "durability" and found.severity is Severity.WARNING
    ]
    return {
        server: text
        for server in (SOURCE, TARGET)
        for text in findings
        if f" on {server}: " in text
    }


def test_what_a_crash_of_either_machine_would_mean_is_said_before_the_start(
    pools: Pools, schema: str
) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    with ExitStack() as durable:
        for server in (SOURCE, TARGET):
            for name in ("sync_binlog", "innodb_flush_log_at_trx_commit"):
                durable.enter_context(setting(pools, server, name, "1"))
        assert said_of_durability(pools, schema) == {}
        with setting(pools, SOURCE, "sync_binlog", "0"):
            (text,) = said_of_durability(pools, schema).values()
            assert "sync_binlog = 0 on old" in text
            assert "after each restart of it every row is verified again" in text
        with setting(pools, TARGET, "innodb_flush_log_at_trx_commit", "2"):
            (text,) = said_of_durability(pools, schema).values()
            assert "innodb_flush_log_at_trx_commit = 2 on new" in text
            assert "forget that the tables were switched" in text
