"""What was measured, as data: docs/performance.json, from which the page is written.

Each row is measured and kept on its own, with the machine, the commit and the versions it was
measured with. So the table can be measured in pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import TypeAdapter

from ops.dev.bench.lines import Line


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """Where, when and with what a row was measured."""

    day: date
    commit: str
    machine: str
    versions: Mapping[str, str]
    rounds: int
    scale: float  # of the sizes; 1 is what the targets are about
    tls: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One row's lines. `missing`: programs that were not found, so nothing is held against them."""

    lines: tuple[Line, ...]
    missing: tuple[str, ...]
    circumstances: Circumstances


Results = Mapping[str, Measured]  # by the row's name
_JSON: TypeAdapter[dict[str, Measured]] = TypeAdapter(dict[str, Measured])


def load(path: Path) -> Results:
    return _JSON.validate_json(path.read_bytes()) if path.exists() else {}


def save(path: Path, results: Results) -> None:
    path.write_bytes(_JSON.dump_json(dict(results), indent=2) + b"\n")


def merge(old: Results, new: Results) -> Results:
    """`old`, with the rows of `new` in the place of its own."""
    return {**old, **new}
