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
    """By key: the one that its row had before the batch, or None if it was not there.

    A key stands here if a row has come to it, or left it, in the batch.
    """

    _origins: dict[KeyText, KeyText | None] = field(default_factory=dict)

    def forget(self, keys: Iterable[KeyText]) -> None:
        """Rows of these keys were deleted, or are new: what comes later has nothing of before."""
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
        """The key before the batch, and the one now, of rows whose key has changed.

        They may be the same: deleting a key that such a row had in between can remove the row,
        where the two are equal by collation.
        """
        return [(origin, key) for key, origin in self._origins.items() if origin is not None]
