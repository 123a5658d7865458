"""The example configuration names every setting, with the default that the code has."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pipeline.configuration.load import load_settings
from pipeline.configuration.settings import Settings

_EXAMPLE = Path(__file__).resolve().parents[2] / "ops" / "examples" / "tranship.toml"
SECTIONS = (
    "workers", "row_copy", "stream", "checksum", "cut_over", "hooks", "throttle", "timeouts",
)  # fmt: skip


@pytest.mark.parametrize("section", SECTIONS)
def test_no_setting_is_missing_or_has_another_default(section: str) -> None:
    given = tomllib.loads(_EXAMPLE.read_text())[section]
    defaults = getattr(Settings(), section).model_dump()
    assert given == {name: value for name, value in defaults.items() if value is not None}


def test_the_example_is_a_valid_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_NEW_PASSWORD", "x")
    assert set(load_settings(_EXAMPLE).servers) == {"orders-old", "orders-new"}
