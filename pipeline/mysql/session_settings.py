"""What every session of ours sets, so that it inherits no setting that matters from the server.

Between servers that differ in them every TIMESTAMP would be shifted, or values rounded on the way
(gh-ost's move-tables lost five hours that way); a statement would be cut short, see no rows, or
leave out what it should complain about.

What is left to a server is what its application's sessions have as well: the functions of a
generated column (`div_precision_increment`, `default_week_format`, `lc_time_names`), which plans
the optimizer makes, and how large its buffers are.

Short idle time-outs matter: a worker that is stopped inside a transaction holds row locks, and
only the server can release them.
"""

from __future__ import annotations

from pipeline.configuration.settings import Timeouts

# STRICT: a value that does not fit is an error, never a truncation. The other modes let a
# session write what any source may hold: id 0, zero dates and impossible dates.
LENIENT_SQL_MODE = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"
SQL_MODE = f"STRICT_ALL_TABLES,{LENIENT_SQL_MODE}"
LARGEST_CELL = 1 << 30
_NO_LIMIT = str(2**64 - 1)
# Not `= DEFAULT`, which is the server's. Those that ask for a privilege are in
# preflight/settings.py.
_EVERYWHERE = {
    "unique_checks": "1",  # without them a duplicate may enter a unique index
    "sql_select_limit": _NO_LIMIT,
    "max_join_size": _NO_LIMIT,
    "sql_big_selects": "1",
    "sql_safe_updates": "0",
    "completion_type": "0",
    "sql_auto_is_null": "0",
    "sql_notes": "1",
    "sql_quote_show_create": "1",
    "max_sort_length": "8388608",
    # A row that does not fit is an error.
    "sort_buffer_size": "CAST(GREATEST(@@GLOBAL.sort_buffer_size, 262144) AS UNSIGNED)",
    "explicit_defaults_for_timestamp": "1",
    "default_storage_engine": "InnoDB",
    # What a statement has done, and which row a warning is about, is read from its message.
    "lc_messages": "'en_US'",
}
_MYSQL = {
    "max_execution_time": "0",
    "show_create_table_verbosity": "0",
    # Past it a condition on keys is read by scanning, and locking, the whole table.
    "range_optimizer_max_mem_size": "0",
}
_MYSQL_8_0_30 = {"show_gipk_in_create_table_and_information_schema": "1"}
_MARIADB = {
    "max_statement_time": "0",
    # A row that violates a CHECK is as the source has it.
    "check_constraint_checks": "0",
    # A verification keeps a snapshot open while it waits for the stream.
    "idle_transaction_timeout": "0",
    "idle_readonly_transaction_timeout": "0",
    "idle_write_transaction_timeout": "0",
    "max_session_mem_used": str(2**63 - 1),
    "tmp_disk_table_size": _NO_LIMIT,
    "query_cache_type": "0",
    "sql_if_exists": "0",  # with it a rename leaves out what it does not find
    "system_versioning_asof": "DEFAULT",  # not the server's, for once: reads see the present
    "old_mode": "'UTF8_IS_UTF8MB3'",  # the server's own default: duplicates are warned of
    "in_predicate_conversion_threshold": "0",
    "alter_algorithm": "'DEFAULT'",  # INSTANT lets no index be added
    "character_set_filesystem": "binary",  # the name of LOAD DATA's file
}
_FLAVOURS = (("!80000", _MYSQL), ("!80030", _MYSQL_8_0_30), ("M!101000", _MARIADB))


def session_statements(timeouts: Timeouts) -> tuple[str, ...]:
    """The first statements of every session."""
    return (
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
        "SET SESSION time_zone = '+00:00'"
        f", sql_mode = '{SQL_MODE}'"
        f", wait_timeout = {timeouts.idle_s}"
        f", net_read_timeout = {timeouts.idle_s}, net_write_timeout = {timeouts.idle_s}"
        f", innodb_lock_wait_timeout = {timeouts.lock_wait_s}"
        f", lock_wait_timeout = {timeouts.lock_wait_s}"
        f", group_concat_max_len = {LARGEST_CELL}"
        # Chunks arrive in any order, and what a cascade does on the source has events of its own.
        ", foreign_key_checks = 0",
        f"SET SESSION {_assigned(_EVERYWHERE)} {' '.join(_of_flavours())}",
    )


def _of_flavours() -> list[str]:
    """What only some servers know, in comments that the others pass over."""
    return [f"/*{versions} , {_assigned(values)} */" for versions, values in _FLAVOURS]


def _assigned(values: dict[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items())
