"""The dashboard: nobody without a login, and memory that has an end."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from ops.dashboard.history import History
from ops.dashboard.login import is_let_in, logins
from pipeline.configuration.settings import Settings
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools
from tests.support.progress import copying

ALLOWED = ["ann:one", "bob:two:three"]


def header(login: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(login.encode()).decode()}"


@pytest.mark.parametrize("login", ALLOWED)
def test_who_has_a_login_is_let_in(login: str) -> None:
    assert is_let_in(ALLOWED, header(login))


@pytest.mark.parametrize(
    "given",
    ["", "Basic", "Basic %%%", header("ann:two"), header("ann"), header(""), header("ann:one", "x"),
     header("ann:one\n"), header("ännchen:one"), "Basic é"],
)  # fmt: skip
def test_nobody_else_is(given: str) -> None:
    assert not is_let_in(ALLOWED, given)


@pytest.mark.parametrize("value", [None, "", "ann", "ann:", ":one", "ann:one,", "ann:one,bob"])
def test_a_page_that_would_let_anybody_in_does_not_start(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("LOGIN", raising=False)
    if value is not None:
        monkeypatch.setenv("LOGIN", value)
    with pytest.raises(RefusedError, match="The page has no login"):
        logins("LOGIN", "The page")


def test_samples_are_kept_of_the_newest_migrations_and_moments_alone() -> None:
    history = History(Pools(Settings()))
    for number in range(60):
        history.add(replace(copying(), id=str(number)))
    assert (len(history.of("9")), len(history.of("59"))) == (0, 1)
    for _ in range(4000):
        history.add(replace(copying(), id="59"))
    assert len(history.of("59")) == 3600
