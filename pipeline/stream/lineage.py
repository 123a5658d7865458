"""Which row of the target a row of a batch was, where that is not told by its key.

Only a table whose target holds more than its source asks this (alter/carried.py): a row takes what
it holds there along when its key changes, and a row that was deleted does not leave it to another
of the same key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.stream.events import KeyText


@dataclass
class Lineage:
    """Keys whose row had another key before the batch, or was not there (None)."""

    _origins: dict[KeyText, KeyText | None] = field(default_factory=dict)

    def deleted(self, keys: Iterable[KeyText]) -> None:
        self._origins.update(dict.fromkeys(keys))

    def moved(self, old: KeyText, new: KeyText) -> None:
        origin = self._origins.get(old, old)
        self._origins[old] = None
        self._origins[new] = origin

    @property
    def newborn(self) -> list[KeyText]:
        """Keys that are those of new rows, if any: what had them before the batch is gone."""
        return [key for key, origin in self._origins.items() if origin is None]

    @property
    def changed(self) -> list[tuple[KeyText, KeyText]]:
        """The key before the batch, and the one now, of rows whose key has changed."""
        return [(origin, key) for key, origin in self._origins.items() if origin not in (None, key)]
