"""Two configurations are told apart, and a digest gives no password away."""

from __future__ import annotations

from pipeline.configuration.digest import settings_digest
from pipeline.configuration.settings import Settings

BASE = {"servers": {"old": {"user": "u", "password": "one"}}, "row_copy": {"window": 3}}


def digest(**changes: object) -> str:
    return settings_digest(Settings.model_validate({**BASE, **changes}))


def test_a_changed_setting_is_seen() -> None:
    others = (
        {"row_copy": {"window": 4}},
        {"servers": {"old": {"user": "v", "password": "one"}}},
        {"servers": {**BASE["servers"], "new": {"user": "u"}}},
        {"throttle": {"max_load": {"Threads_running": 40}}},
    )
    found = {digest(), *(digest(**one) for one in others)}
    assert len(found) == 1 + len(others)


def test_the_order_of_the_file_is_no_difference() -> None:
    servers = {"new": {"user": "u"}, "old": {"user": "u", "password": "one"}}
    assert digest(servers=servers) == digest(servers=dict(reversed(servers.items())))


def test_a_password_can_not_be_found_by_trying_digests() -> None:
    assert digest(servers={"old": {"user": "u", "password": "two"}}) == digest()
    assert digest(broker={"url": "redis://:one@h/0"}) == digest(broker={"url": "redis://h/1"})


def test_machines_may_run_different_numbers_of_processes() -> None:
    assert digest(workers={"copy_concurrency": 8, "log_format": "json"}) == digest()


def test_a_password_may_come_from_another_place_on_another_machine() -> None:
    assert digest(servers={"old": {"user": "u", "password_env": "P"}}) == digest()
    assert digest(servers={"old": {"user": "u", "password_file": "/run/p"}}) == digest()
