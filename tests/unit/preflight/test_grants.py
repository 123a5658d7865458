"""What SHOW GRANTS prints, as servers of 8.0 and later print it."""

from __future__ import annotations

import pytest

from pipeline.preflight.grants import parse

HERE = "TO `mover`@`%`"


@pytest.mark.parametrize(
    ("line", "schema", "granted"),
    [
        (f"GRANT SELECT, ALTER ON *.* {HERE}", "shop", True),
        (f"GRANT SELECT, ALTER ON `shop`.* {HERE}", "shop", True),
        (f"GRANT SELECT, ALTER ON `shop`.* {HERE} WITH GRANT OPTION", "shop", True),
        (f"GRANT ALL PRIVILEGES ON `shop`.* {HERE}", "shop", True),
        (f"GRANT SELECT, ALTER ON `sho%`.* {HERE}", "shop", True),
        (f"GRANT SELECT, ALTER ON `sh_p`.* {HERE}", "shop", True),
        (f"GRANT SELECT, ALTER ON `sh\\_p`.* {HERE}", "shop", False),
        (f"GRANT SELECT, ALTER ON `sh\\_p`.* {HERE}", "sh_p", True),
        (f"GRANT SELECT, ALTER ON `a``b.c`.* {HERE}", "a`b.c", True),
        (f"GRANT SELECT, ALTER ON `shop`.`orders` {HERE}", "shop", False),
        (f"GRANT SELECT ON `shop`.* {HERE}", "shop", False),
        (f"GRANT SELECT, ALTER ON `other`.* {HERE}", "shop", False),
        (f"GRANT `admin`@`%` {HERE}", "shop", False),
        (f"GRANT PROXY ON ``@`` {HERE}", "shop", False),
        (f"GRANT USAGE ON *.* {HERE}", "shop", False),
    ],
)
def test_a_privilege_is_neither_missed_nor_invented(line: str, schema: str, granted: bool) -> None:
    assert parse([line]).has("ALTER", schema) is granted


def test_a_privilege_on_some_columns_is_not_one_on_the_table() -> None:
    grants = parse([f"GRANT SELECT (`a`, `b`), INSERT ON `shop`.`orders` {HERE}"])
    assert not grants.has("SELECT", "shop", "orders")
    assert grants.has("INSERT", "shop", "orders")


def test_a_privilege_of_a_schema_is_not_one_of_the_server() -> None:
    grants = parse([f"GRANT PROCESS, ALL PRIVILEGES ON `shop`.* {HERE}"])
    assert not grants.has("PROCESS")


def test_a_partial_revoke_takes_away_what_the_server_wide_grant_gave() -> None:
    grants = parse(
        [f"GRANT SELECT, ALTER ON *.* {HERE}", "REVOKE ALTER ON `shop`.* FROM `mover`@`%`"]
    )
    assert not grants.has("ALTER", "shop")
    assert grants.has("SELECT", "shop")
    assert grants.has("ALTER", "other")
