"""Turns Python values into what JSON has; moments in ISO 8601, UTC, with a Z."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_jsonable_python


def plain(value: Any) -> Any:
    """`value` as the module `json` can write it."""
    return to_jsonable_python(value)
