"""A change that has no way back is refused before the first row is copied."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipeline.mysql.pools import Pools
from pipeline.preflight.findings import Scope, Severity
from pipeline.preflight.registry import run_preflight
from tests.support.alters import SERVER, alter_request, skip_on_mariadb
from tests.support.preflight import against, do

CHECK = "way back"


@pytest.fixture(autouse=True)
def table(pools: Pools, schema: str) -> None:
    skip_on_mariadb(pools)
    do(
        pools, SERVER, f"CREATE DATABASE {schema}",
        f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, a INT NOT NULL, b INT NOT NULL DEFAULT 1,"
        " c DECIMAL(8,4), e INT DEFAULT 5, n INT AUTO_INCREMENT,"
        " u CHAR(36) NOT NULL DEFAULT (UUID()), UNIQUE KEY one_b (b), UNIQUE KEY one_e (e),"
        " UNIQUE KEY one_n (n), UNIQUE KEY one_u (u))",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "others", "said"),
    [
        ("DROP COLUMN a", {}, "drops column a, which is NOT NULL and has no DEFAULT"),
        ("DROP COLUMN b", {}, "unique key one_b is on columns that the change drops"),
        ("DROP COLUMN e", {}, "unique key one_e is on columns that the change drops"),
        ("DROP COLUMN n", {}, None),
        ("DROP COLUMN u", {}, None),
        ("MODIFY C DECIMAL(8,4) AS (a / 2) STORED", {}, "column c becomes a generated one"),
        ("MODIFY c DECIMAL(8,2)", {"accepted": ("c",)}, "can't be taken back"),
        ("DROP COLUMN c, ADD COLUMN d INT AS (a) STORED", {}, None),
        ("MODIFY c DECIMAL(8,4) AS (a / 2) STORED", {}, "column c becomes a generated one"),
    ],
)
def test_it_says_what_is_in_its_way(
    pools: Pools, schema: str, change: str, others: Mapping[str, object], said: str | None
) -> None:
    wanted = alter_request(schema, "t", change, way_back_s=60, **others)
    found = against(pools, wanted)
    if said is None:
        assert found == {}
    else:
        assert list(found) == [CHECK]
        assert said.lower() in found[CHECK].explanation.lower()
    assert against(pools, alter_request(schema, "t", change, **others)) == {}


@pytest.mark.parametrize("wider", ["a BIGINT NOT NULL", "a INT NULL"])
def test_it_says_what_can_stop_it_later(pools: Pools, schema: str, wider: str) -> None:
    change = f"DROP COLUMN c, DROP INDEX one_b, MODIFY {wider}"
    wanted = alter_request(schema, "t", change, way_back_s=60)
    (said,) = [
        one.explanation
        for one in run_preflight(pools, wanted, Scope.START)
        if one.check == CHECK and one.severity is Severity.INFO
    ]
    assert "a value that the old definition can't hold" in said
    assert "old unique key one_b" in said
    assert "rows keep c in the old table" in said
