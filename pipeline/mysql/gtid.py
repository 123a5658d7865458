"""Sets of transactions, in MySQL's notation, `uuid:1-5:7, uuid:tag:1-3`, and in MariaDB's.

For each source merged, closed intervals are kept, so that a stream of single GTIDs that arrive
in order costs constant time and memory.

MariaDB's `domain-server-number` stands for that transaction and all earlier ones of its domain,
in which numbers only grow. So a domain is a source with one interval that begins at 1; the
server that wrote the last transaction is kept beside it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from pipeline.errors import StartOverError

Interval = tuple[int, int]
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
_INTERVAL = re.compile(r"([1-9][0-9]*)(?:-([1-9][0-9]*))?")
_DOMAIN = re.compile(r"(\d+)-(\d+)-(\d+)")
_TAG = re.compile(r"[a-z_][a-z0-9_]{0,31}")


@dataclass
class GtidSet:
    """A mutable set of transactions."""

    intervals: dict[str, list[Interval]] = field(default_factory=dict)
    writers: dict[str, str] = field(default_factory=dict)  # MariaDB: domain to server id

    @classmethod
    def parse(cls, text: str) -> GtidSet:
        """Read either notation.

        Raises:
            ValueError: `text` is in neither.
        """
        result = cls()
        for part in "".join(text.split()).split(","):
            if part:
                result._parse_source(part)
        return result

    def _parse_source(self, part: str) -> None:
        domain = _DOMAIN.fullmatch(part)
        if domain is not None:
            self._add_to_domain(domain)
            return
        uuid, *rest = part.lower().split(":")
        if not rest or not _UUID.fullmatch(uuid):
            raise ValueError(f"not a GTID set: {part!r}")
        source = uuid
        for item in rest:
            if _TAG.fullmatch(item):
                source = f"{uuid}:{item}"  # the intervals after a tag are the tag's
                continue
            bounds = _INTERVAL.fullmatch(item)
            if bounds is None:
                raise ValueError(f"not a GTID set: {part!r}")
            low, high = int(bounds[1]), int(bounds[2] or bounds[1])
            if low <= high:  # the server, too, takes 5-3 for empty
                self._add(source, (low, high))

    def add(self, gtid: str) -> None:
        """Add one transaction: `uuid:7`, `uuid:tag:7` or `0-1-7`.

        Raises:
            StartOverError: its number is not higher than the last one of its MariaDB domain.
        """
        domain = _DOMAIN.fullmatch(gtid)
        if domain is not None:
            self._add_in_order(domain)
            return
        source, _, number = gtid.lower().rpartition(":")
        self._add(source, (int(number), int(number)))

    def _add_in_order(self, gtid: re.Match[str]) -> None:
        try:
            self._add_to_domain(gtid)
        except ValueError as error:
            raise StartOverError(
                f"Transactions are logged out of order: {error}. Several servers write to one"
                " domain, so a position can't say which of them are applied.",
                "Give each server that writes a gtid_domain_id of its own, or have one write; and"
                " set gtid_strict_mode = 1.",
            ) from None

    def _add_to_domain(self, gtid: re.Match[str]) -> None:
        source, number = gtid[1], int(gtid[3])
        known = self.intervals.get(source)
        if known and known[0][1] >= number:
            raise ValueError(f"GTID {gtid[0]} does not come after {known[0][1]} of its domain")
        self.intervals[source] = [(1, number)]
        self.writers[source] = gtid[2]

    def update(self, other: GtidSet) -> None:
        """Add every transaction of `other`."""
        for source, intervals in other.intervals.items():
            for interval in intervals:
                self._add(source, interval)
        self.writers.update(other.writers)

    def _add(self, source: str, new: Interval) -> None:
        known = self.intervals.setdefault(source, [])
        if known and known[-1][1] + 1 == new[0]:  # the usual case: the next in order
            known[-1] = (known[-1][0], new[1])
            return
        low, high = new
        start = bisect_right(known, (low, low)) - 1
        if start < 0 or known[start][1] + 1 < low:
            start += 1
        end = start
        while end < len(known) and known[end][0] <= high + 1:
            low, high = min(low, known[end][0]), max(high, known[end][1])
            end += 1
        known[start:end] = [(low, high)]

    def __contains__(self, gtid: str) -> bool:
        domain = _DOMAIN.fullmatch(gtid)
        if domain is not None:
            return self._covers(domain[1], (1, int(domain[3])))
        source, _, number = gtid.lower().rpartition(":")
        return self._covers(source, (int(number), int(number)))

    def _covers(self, source: str, wanted: Interval) -> bool:
        known = self.intervals.get(source, [])
        index = bisect_right(known, (wanted[0], 1 << 63)) - 1
        return index >= 0 and known[index][1] >= wanted[1]

    def contains(self, other: GtidSet) -> bool:
        """Whether every transaction of `other` is here."""
        return all(
            self._covers(source, interval)
            for source, intervals in other.intervals.items()
            for interval in intervals
        )

    def missing_from(self, other: GtidSet) -> int:
        """How many transactions `other` lacks of this set, if both grow from 1 (lag)."""
        return max(0, self.count() - other.count())

    def count(self) -> int:
        return sum(
            high - low + 1 for intervals in self.intervals.values() for low, high in intervals
        )

    def __str__(self) -> str:
        return ",".join(
            f"{source}-{self.writers[source]}-{intervals[0][1]}"
            if source in self.writers
            else f"{source}:" + ":".join(_interval_text(interval) for interval in intervals)
            for source, intervals in sorted(self.intervals.items())
        )


def _interval_text(interval: Interval) -> str:
    low, high = interval
    return str(low) if low == high else f"{low}-{high}"
