"""A session of ours inherits nothing that could change a result."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.mysql.pools import Pools, run, run_raw
from tests.support.moves import SOURCE

# As strange as a server takes them, and what a session of ours has all the same.
STRANGE = {
    "unique_checks": ("0", 1),
    "sql_select_limit": ("1", 2**64 - 1),
    "max_join_size": ("1", 2**64 - 1),
    "sql_safe_updates": ("1", 0),
    "completion_type": ("CHAIN", "NO_CHAIN"),
    "max_execution_time": ("1", 0),
    "explicit_defaults_for_timestamp": ("0", 1),
    "sql_auto_is_null": ("1", 0),
    "sql_notes": ("0", 1),
    "sql_quote_show_create": ("0", 1),
    "max_sort_length": ("4", 8388608),
    "default_storage_engine": ("MyISAM", "InnoDB"),
    "show_create_table_verbosity": ("1", 0),
    "show_gipk_in_create_table_and_information_schema": ("0", 1),
    "transaction_read_only": ("1", 0),
    "transaction_isolation": ("SERIALIZABLE", "READ-COMMITTED"),
    "foreign_key_checks": ("1", 0),
    "group_concat_max_len": ("4", 1 << 30),
    "innodb_lock_wait_timeout": ("1", 5),
}


@pytest.fixture
def strange(pools: Pools) -> Iterator[None]:
    names = ", ".join(f"@@GLOBAL.{name}" for name in STRANGE)
    with pools.begin(SOURCE) as source:
        (before,) = run(source, f"SELECT {names}").rows
        for name, (value, _) in STRANGE.items():
            run(source, f"SET GLOBAL {name} = {value!r}" if not value.isdigit() else
                f"SET GLOBAL {name} = {value}")  # fmt: skip
    yield
    with pools.begin(SOURCE) as source:
        for name, value in zip(STRANGE, before, strict=True):
            run(source, f"SET GLOBAL {name} = {value!r}")


def test_no_setting_that_changes_a_result_is_inherited(pools: Pools, strange: None) -> None:
    connection = pools.connect(SOURCE)
    names = ", ".join(f"@@SESSION.{name}" for name in STRANGE)
    (found,) = run_raw(connection, f"SELECT {names}").rows
    connection.close()
    wanted = {name: value for name, (_, value) in STRANGE.items()}
    assert dict(zip(STRANGE, found, strict=True)) == wanted
