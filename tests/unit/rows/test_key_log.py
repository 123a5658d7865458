"""Keys in the rows of the touched key log: none is lost, and no row outgrows a packet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.mysql.codecs import escape, fields_of
from pipeline.rows.key_log import packed

_FIELDS = st.binary(max_size=300).map(escape)
_KEYS = st.lists(st.lists(_FIELDS, min_size=1, max_size=3).map(b"\t".join), max_size=1200)


def rows_of(data: bytes) -> list[tuple[int, int, int, list[bytes]]]:
    """Batch, place, number of keys and keys of each row, as a server reads the lines."""
    found = []
    for line in data.split(b"\n")[:-1]:
        batch, place, count, keys = fields_of(line)
        assert batch is not None
        assert place is not None
        assert count is not None
        assert keys is not None
        found.append((int(batch), int(place), int(count), keys.split(b"\n")))
    return found


@given(_KEYS)
def test_every_key_is_there_once_in_its_order(keys: list[bytes]) -> None:
    rows = rows_of(packed(keys, 7, 100))
    assert [key for *_, some in rows for key in some] == keys


@given(_KEYS)
def test_each_row_tells_its_place_and_how_many_keys_it_has(keys: list[bytes]) -> None:
    place = 100
    for batch, at, count, some in rows_of(packed(keys, 7, place)):
        assert (batch, at, count) == (7, place, len(some))
        place += len(some)


def test_a_row_of_the_longest_keys_fits_in_a_small_packet() -> None:
    longest = b"\\\\" * 3072  # InnoDB's limit, each byte escaped
    rows = packed([longest] * 1000, 7, 0).split(b"\n")[:-1]
    assert max(len(row) for row in rows) < 1 << 18
