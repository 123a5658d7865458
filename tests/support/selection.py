"""Which cases of a parametrised test the short run makes; the long one makes the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def some(values: Iterable[Any], *short: Any) -> list[Any]:
    """All of `values`; those that are not among `short` are marked long."""
    return [
        pytest.param(value, marks=() if value in short else pytest.mark.long) for value in values
    ]
