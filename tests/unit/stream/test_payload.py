"""Compressed transactions."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import FatalError
from pipeline.stream.payload import embedded_events


def event(body: bytes) -> bytes:
    return struct.pack("<IBIIIH", 1, 2, 3, 19 + len(body), 0, 0) + body


def payload(compression: int, content: bytes, plain: int) -> bytes:
    """Fields as the server writes them: size, compression, uncompressed size, end mark."""
    size = b"\xfe" + struct.pack("<Q", len(content))
    number = bytes([compression]) if compression < 251 else b"\xfc" + struct.pack("<H", compression)
    return (
        b"\x02" + bytes([len(number)]) + number + b"\x03\x09\xfe" + struct.pack("<Q", plain)
        + b"\x01\x09" + size + b"\x00" + content
    )  # fmt: skip


def unpacked(data: bytes) -> list[bytes]:
    return list(embedded_events(data, 0, len(data)))


@given(st.lists(st.binary(max_size=300), max_size=20), st.booleans())
def test_every_embedded_event_comes_out(bodies: list[bytes], compressed: bool) -> None:
    events = [event(body) for body in bodies]
    content = b"".join(events)
    data = payload(0, zstandard.compress(content), len(content))
    if not compressed:
        data = payload(255, content, len(content))
    assert unpacked(data) == events


def test_events_in_several_frames_are_not_cut_off_after_the_first() -> None:
    events = [event(bytes([number]) * 100) for number in range(5)]
    content = b"".join(zstandard.compress(one) for one in events)
    assert unpacked(payload(0, content, 119 * 5)) == events


@pytest.mark.parametrize("cut", [1, 5, 119])
def test_a_cut_payload_is_an_error_and_not_a_shorter_transaction(cut: int) -> None:
    content = event(b"a" * 100) + event(b"b" * 100)
    with pytest.raises(FatalError):
        unpacked(payload(255, content[:-cut], 238))
    with pytest.raises(FatalError):
        unpacked(payload(0, zstandard.compress(content)[:-cut], 238))


def test_an_unknown_compression_is_refused() -> None:
    with pytest.raises(FatalError, match="compression 7"):
        unpacked(payload(7, b"", 0))


def test_a_large_transaction_is_never_completely_in_memory() -> None:
    one = event(b"x" * 10_000)
    packer = zstandard.ZstdCompressor().compressobj()
    content = b"".join(packer.compress(one) for _ in range(10_000)) + packer.flush()  # 100 MB
    data = payload(0, content, 10_000 * len(one))
    tracemalloc.start()
    count = sum(1 for _ in embedded_events(data, 0, len(data)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 10_000
    assert peak < 5_000_000
