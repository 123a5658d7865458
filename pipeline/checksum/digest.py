"""The digest of a chunk, which each server computes over its own rows.

It is the row count, and the XOR of the SHA-256 of every row (row_hash.py). XOR does not depend on
the order. It is not CRC32, although pt-table-checksum and Spirit use that: CRC is linear, so two
rows that are stale in the same way, or that have swapped a value, cancel out under XOR with the
count unchanged. SHA-256 has no such structure.

JSON documents are compared by their text. If a migration lets them become what their text says
(`--json-as-text`), the source's digest takes each through that round trip itself, since 1.50 comes
back as 1.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.checksum.row_hash import bits_of, row_bits
from pipeline.checksum.row_sources import Rows
from pipeline.errors import FatalError
from pipeline.mysql.codecs import key_literals
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.keyrange import (
    Bound,
    KeyRange,
    bound_from_row,
    in_range,
    in_slices,
    is_one_of,
    rows_by_key,
)
from pipeline.mysql.pools import run, warnings

_KEYS_PER_DIGEST = 500  # the statement lists them


@dataclass(frozen=True)
class Digest:
    """Row count and bits. Equal digests mean equal rows, except with a chance of 2^-64 at most."""

    rows: int
    bits: int

    def without(self, part: Digest) -> Digest:
        """The digest of the rows that are not in `part`; those in `part` must be among these."""
        return Digest(self.rows - part.rows, self.bits ^ part.bits)


def range_digest(rows: Rows, keys: KeyRange) -> Digest:
    """The digest of the rows with a key in `keys`, as their server sees them. Takes no locks.

    Raises:
        FatalError: a row is too large for the server to hash.
    """
    return _digest(rows, in_range(rows.table, keys))


def keys_digest(rows: Rows, keys: Sequence[Bound]) -> Digest:
    """The digest of the rows with one of `keys`."""
    total = Digest(0, 0)
    for some in in_slices(keys, _KEYS_PER_DIGEST):
        part = _digest(rows, is_one_of(rows.table, some))
        total = Digest(total.rows + part.rows, total.bits ^ part.bits)
    return total


def digest_without(rows: Rows, keys: Sequence[Bound], later: Sequence[Bound]) -> Digest:
    """The digest of the rows with one of `keys` and none of `later`, which are among `keys`."""
    return keys_digest(rows, keys).without(keys_digest(rows, later))


def range_digest_without(rows: Rows, keys: KeyRange, later: Sequence[Bound]) -> Digest:
    """The digest of the rows with a key in `keys` and none of `later`, which are in `keys`."""
    return range_digest(rows, keys).without(keys_digest(rows, later))


def row_digests(rows: Rows, keys: Sequence[Bound]) -> dict[Bound, int]:
    """The bits of each row with one of `keys`, by its own key."""
    found: dict[Bound, int] = {}
    for some in in_slices(keys, _KEYS_PER_DIGEST):
        found |= _row_digests(rows, is_one_of(rows.table, some))
    return found


def _digest(rows: Rows, condition: str) -> Digest:
    answer = run(
        rows.connection,
        f"SELECT COUNT(*), BIT_XOR({_bits(rows)}) FROM {_from(rows, condition)}",
    )
    found = warnings(rows.connection, answer)
    if found:
        raise FatalError(
            f"A row of {rows.table.name} is too large to be hashed (max_allowed_packet):"
            f" {found[0][1]}",
            "Raise max_allowed_packet on that server, then: tranship resume ID.",
        )
    count, bits = answer.rows[0]
    return Digest(count, bits_of(bits))


def differing_keys(
    ours: Rows, theirs: Rows, keys: KeyRange, later: Sequence[Bound], most: int = 10
) -> list[str]:
    """The keys of up to `most` rows that differ and are none of `later`, for a person to check."""
    here = _row_digests(ours, keys.condition(ours.table.key))
    there = _row_digests(theirs, keys.condition(theirs.table.key))
    # A key of `later` may be equal by collation only to that of its row.
    apart = row_digests(ours, later).keys() | row_digests(theirs, later).keys()
    different = [
        key for key in here | there if here.get(key) != there.get(key) and key not in apart
    ]
    return [", ".join(key) for key in different[:most]]


def _row_digests(rows: Rows, condition: str) -> dict[Bound, int]:
    answer = run(
        rows.connection,
        f"SELECT {_bits(rows)}, {key_literals(rows.table)} FROM {_from(rows, condition)}",
    )
    return {bound_from_row(row[1:]): bits_of(row[0]) for row in answer.rows}


def _bits(rows: Rows) -> str:
    as_number = rows.table.between_flavours or is_mariadb(rows.connection)
    return row_bits(rows.table, is_source=rows.is_source, as_number=as_number)


def _from(rows: Rows, condition: str) -> str:
    return rows_by_key(rows.table.name, rows.table.key, condition)
