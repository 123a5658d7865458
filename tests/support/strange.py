"""Servers whose settings are as strange as they can be, for all that sessions inherit.

What is refused (preflight/settings.py) is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pymysql
from sqlalchemy import Connection

from pipeline.mysql.flavours import is_mariadb, variable
from pipeline.mysql.pools import Pools, connection_id, run
from pipeline.mysql.quoting import text_literal


@dataclass(frozen=True)
class Strange:
    """A server's value; and the session's, where a session of ours has one of its own."""

    value: str
    ours: str | int | None = None


_EVERYWHERE = {
    "unique_checks": Strange("0", 1),
    "sql_select_limit": Strange("1", 2**64 - 1),
    "max_join_size": Strange("1", 2**64 - 1),
    "sql_safe_updates": Strange("1", 0),
    "completion_type": Strange("CHAIN", "NO_CHAIN"),
    "explicit_defaults_for_timestamp": Strange("0", 1),
    "sql_auto_is_null": Strange("1", 0),
    "sql_notes": Strange("0", 1),
    "sql_quote_show_create": Strange("0", 1),
    "max_sort_length": Strange("64", 8388608),
    "sort_buffer_size": Strange("32768", 262144),
    "default_storage_engine": Strange("MyISAM", "InnoDB"),
    "max_error_count": Strange("0"),
    "lc_messages": Strange("de_DE", "en_US"),
    "lc_time_names": Strange("ja_JP"),
    "foreign_key_checks": Strange("1", 0),
    "group_concat_max_len": Strange("4", 1 << 30),
    "innodb_lock_wait_timeout": Strange("1", 5),
    "time_zone": Strange("-05:00", "+00:00"),
    "sql_mode": Strange("ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE"),
    "character_set_server": Strange("utf32"),
    "tmp_table_size": Strange("1024"),
    "max_heap_table_size": Strange("16384"),
    "join_buffer_size": Strange("128"),
    "read_rnd_buffer_size": Strange("1"),
    "optimizer_search_depth": Strange("1"),
    "eq_range_index_dive_limit": Strange("1"),
    "div_precision_increment": Strange("0"),
    "default_week_format": Strange("7"),
    "auto_increment_increment": Strange("7"),
}
_MYSQL = {
    "max_execution_time": Strange("1", 0),
    "show_create_table_verbosity": Strange("1", 0),
    "show_gipk_in_create_table_and_information_schema": Strange("0", 1),
    "range_optimizer_max_mem_size": Strange("1", 0),
    "transaction_read_only": Strange("1", 0),
    "transaction_isolation": Strange("SERIALIZABLE", "READ-COMMITTED"),
    "default_tmp_storage_engine": Strange("MyISAM"),
    "sql_require_primary_key": Strange("1"),
    "sql_generate_invisible_primary_key": Strange("1"),
    "innodb_strict_mode": Strange("0"),
    "information_schema_stats_expiry": Strange("31536000"),
    "binlog_row_metadata": Strange("FULL"),
    "binlog_rows_query_log_events": Strange("1"),
    "binlog_order_commits": Strange("0"),
    "innodb_ddl_buffer_size": Strange("65536"),
    "sql_buffer_result": Strange("1"),
    "big_tables": Strange("1"),
}
_MARIADB = {
    "max_statement_time": Strange("0.001", 0),
    "check_constraint_checks": Strange("1", 0),
    "idle_transaction_timeout": Strange("1", 0),
    "idle_readonly_transaction_timeout": Strange("1", 0),
    "idle_write_transaction_timeout": Strange("1", 0),
    "max_session_mem_used": Strange("1000000", 2**63 - 1),
    "tmp_disk_table_size": Strange("1024", 2**64 - 1),
    "sql_if_exists": Strange("1", 0),
    "system_versioning_asof": Strange("2001-01-01 00:00:00", "DEFAULT"),
    "old_mode": Strange("NO_DUP_KEY_WARNINGS_WITH_IGNORE,ZERO_DATE_TIME_CAST", "UTF8_IS_UTF8MB3"),
    "in_predicate_conversion_threshold": Strange("2", 0),
    "character_set_filesystem": Strange("utf32", "binary"),
    "innodb_snapshot_isolation": Strange("1"),
    "note_verbosity": Strange("basic,unusable_keys,explain"),
    "sql_buffer_result": Strange("1"),
    "big_tables": Strange("1"),
    "alter_algorithm": Strange("INSTANT", "DEFAULT"),
    "optimizer_max_sel_arg_weight": Strange("1"),
    "query_cache_type": Strange("1", "OFF"),
    "tx_read_only": Strange("1", 0),
    "tx_isolation": Strange("SERIALIZABLE", "READ-COMMITTED"),
    "binlog_row_metadata": Strange("FULL"),
    "tmp_table_size": Strange("0"),
}


def strange_settings(*, mariadb: bool) -> dict[str, Strange]:
    """All of them that a server of this flavour has."""
    return _EVERYWHERE | (_MARIADB if mariadb else _MYSQL)


@contextmanager
def made_strange(
    pools: Pools, servers: Iterable[str], spared: Iterable[pymysql.Connection[Any]] = ()
) -> Iterator[None]:
    """The servers with all of these, which every session inherits but those that are spared."""
    before = {server: _set_all(pools, server) for server in servers}
    spare = {connection.thread_id() for connection in spared}
    for server in before:
        end_sessions(pools, server, spare)
    pools.close()
    try:
        yield
    finally:
        for server, values in before.items():
            with pools.begin(server) as connection:
                for name, value in values.items():
                    _set(connection, name, value)
        for server in before:
            end_sessions(pools, server, spare)  # a worker keeps them for the next test
        pools.close()  # whoever gets a connection that was opened meanwhile would inherit them


def _set_all(pools: Pools, server: str) -> Mapping[str, str]:
    """Set all of them; what they were."""
    with pools.begin(server) as connection:
        settings = strange_settings(mariadb=is_mariadb(connection))
        before = {name: variable(connection, name) for name in settings}
        for name, strange in settings.items():
            _set(connection, name, strange.value)
    return before


def _set(connection: Connection, name: str, value: str) -> None:
    keyword = name == "system_versioning_asof" and value == "DEFAULT"
    plain = keyword or value.replace(".", "", 1).isdigit()
    run(connection, f"SET GLOBAL {name} = {value if plain else text_literal(value)}")


def end_sessions(pools: Pools, server: str, spare: AbstractSet[int] = frozenset()) -> None:
    """End our sessions but `spare`: they keep what was set when they began."""
    with pools.begin(server) as connection:
        spare = spare | {connection_id(connection)}
        rows = run(
            connection,
            "SELECT id FROM information_schema.processlist"
            " WHERE user = SUBSTRING_INDEX(USER(), '@', 1)",
        ).rows
        for (number,) in rows:
            if number not in spare:
                with suppress(pymysql.err.OperationalError):  # it has ended by itself
                    run(connection, f"KILL {number}")
