"""Members of an ENUM or SET that the server itself would write wrongly."""

from __future__ import annotations

import pytest

from pipeline.mysql.pools import Pools
from tests.support.alters import SERVER, alter_request
from tests.support.preflight import against, do

CONVERT = "CONVERT TO CHARACTER SET utf8mb4"
MEMBERS = "('a', 'm0é', 'ü')"


@pytest.mark.parametrize("kind", ["ENUM", "SET"])
def test_members_that_a_conversion_garbles_are_refused_unless_the_change_names_them(
    pools: Pools, schema: str, kind: str
) -> None:
    """MySQL 9.7 makes of them what its own clients can't read."""
    do(
        pools,
        SERVER,
        f"CREATE DATABASE {schema}",
        f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, e {kind}{MEMBERS}) CHARACTER SET latin1",
    )
    refusal = against(pools, alter_request(schema, "t", CONVERT))["change"]
    assert "would make of column e" in refusal.explanation
    assert f"MODIFY `e` {kind.lower()}('a','m0é','ü') CHARACTER SET utf8mb4" in refusal.remedy
    named = f"{CONVERT}, MODIFY e {kind}{MEMBERS} CHARACTER SET utf8mb4"
    assert against(pools, alter_request(schema, "t", named)) == {}


def test_members_that_are_ascii_are_converted(pools: Pools, schema: str) -> None:
    do(
        pools,
        SERVER,
        f"CREATE DATABASE {schema}",
        f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, e ENUM('a')) CHARACTER SET latin1",
    )
    assert against(pools, alter_request(schema, "t", CONVERT)) == {}
