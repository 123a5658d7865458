"""Values of Python as JSON has them; moments in ISO 8601, UTC, with a Z."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_jsonable_python


def plain(value: Any) -> Any:
    """`value` as what `json` can write."""
    return to_jsonable_python(value)
