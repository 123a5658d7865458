"""Tranship's user in the sandbox has what ops/examples grants, and MariaDB's words for it."""

from __future__ import annotations

from ops.dev.sandbox.least_privileges import least_privileges


def test_every_schema_is_granted_and_none_is_the_examples_own() -> None:
    made = least_privileges(["a", "b"], "pw", user="u")
    assert made[0] == "CREATE USER IF NOT EXISTS 'u'@'%' IDENTIFIED BY 'pw'"
    granted = " ".join(made)
    assert "`a`.*" in granted
    assert "`b`.*" in granted
    assert "shop" not in granted
    assert "'tranship'@" not in granted
    assert len(made) == len(set(made))


def test_mariadb_is_given_no_privilege_that_it_does_not_know() -> None:
    made = least_privileges(["a"], "pw", mariadb=True)
    assert not any("XA_RECOVER_ADMIN" in one for one in made)
    assert any("PROCESS ON *.*" in one for one in made)
    assert made[-1] == "GRANT SLAVE MONITOR ON *.* TO 'tranship'@'%'"
