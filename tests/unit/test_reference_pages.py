"""The reference is what the code says, whoever changed the code."""

from __future__ import annotations

from dataclasses import fields

import pytest

from ops.dev.reference.__main__ import FOLDER, PAGES
from ops.dev.reference.messages import messages
from ops.dev.reference.status import ABOUT, EVENT_KINDS, SIGNALS
from pipeline.domain.event_kind import EventKind
from pipeline.domain.reading import Signal


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "run: make docs"


@pytest.mark.parametrize("one", ABOUT)
def test_every_field_of_the_json_is_explained(one: type) -> None:
    assert set(ABOUT[one]) == {field.name for field in fields(one)}


def test_every_signal_and_every_kind_of_event_is_explained() -> None:
    assert set(SIGNALS) == set(Signal)
    assert set(EVENT_KINDS) == set(EventKind)


def test_every_setting_is_explained() -> None:
    page = (FOLDER / "configuration.md").read_text()
    mute = [line for line in page.splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert mute == ["| `tls` |  |  |"]  # a section of its own


def test_what_stops_a_migration_says_what_to_do() -> None:
    mute = [
        one for one in messages()
        if one.kind in ("Refused", "Stops a migration") and not one.remedy
        and not one.text.startswith("{")
    ]  # fmt: skip
    assert mute == []
