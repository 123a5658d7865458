"""The digest tells an older configuration from the present one, and nothing about a password."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.configuration.digest import configuration_digest
from pipeline.configuration.settings import Settings

SERVER = {"host": "db1", "user": "tranship", "password": "one"}


def digest(**sections: Any) -> str:
    return configuration_digest(Settings(**{"servers": {"old": SERVER}, **sections}))


@pytest.mark.parametrize(
    "changed",
    [
        {"servers": {"old": {**SERVER, "host": "db2"}}},
        {"servers": {"old": SERVER, "new": SERVER}},
        {"cut_over": {"limit_s": 5}},
        {"throttle": {"replicas": ["old"]}},
    ],
)
def test_what_makes_workers_act_differently_makes_another_digest(changed: dict[str, Any]) -> None:
    assert digest(**changed) != digest()


@pytest.mark.parametrize(
    "same",
    [
        {"workers": {"copy_concurrency": 9, "log_format": "json"}},
        {"servers": {"old": {**SERVER, "password": "two"}}},
        {"servers": {"old": {"host": "db1", "user": "tranship", "password_env": "P"}}},
        {"broker": {"url": "redis://:secret@127.0.0.1:6379/0"}},
    ],
)
def test_secrets_and_what_is_a_machines_own_do_not_go_into_it(same: dict[str, Any]) -> None:
    assert digest(**same) == digest()
