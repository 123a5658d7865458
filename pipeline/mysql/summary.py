"""The line in which a server sums up what a statement has done to many rows.

Records: 7  Duplicates: 2  Warnings: 2                 INSERT … SELECT, INSERT of many rows
Records: 7  Deleted: 0  Skipped: 2  Warnings: 2        LOAD DATA
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COUNT = re.compile(r"(\w+): (\d+)")


@dataclass(frozen=True)
class StatementSummary:
    """The counts; 0 for those that the line does not name, or if there is no line."""

    records: int = 0
    duplicates: int = 0  # INSERT IGNORE: left out. REPLACE: rows removed, without a warning
    skipped: int = 0  # LOAD DATA … IGNORE: left out
    warnings: int = 0  # all of them, also those past max_error_count

    def __add__(self, other: StatementSummary) -> StatementSummary:
        return StatementSummary(
            self.records + other.records, self.duplicates + other.duplicates,
            self.skipped + other.skipped, self.warnings + other.warnings,
        )  # fmt: skip

    @classmethod
    def parse(cls, message: str) -> StatementSummary:
        counts = {name.lower(): int(number) for name, number in _COUNT.findall(message)}
        return cls(**{name: counts[name] for name in cls.__annotations__ if name in counts})
