"""Writes the Python source of a table's row decoder.

For each kind of change one function walks all images of a rows event, and writes each row once, as
the line in which it goes to the target (mysql/codecs.py), and its key. In an image without
NULLs, which is the usual one, all offsets between two columns of variable length are constants,
and neighbouring columns of fixed width are unpacked by one `struct` call; columns that are not
wanted cost an addition, or nothing. An image with NULLs takes a second path, column by column.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline.mysql.codecs import NULL, SPECIAL_BYTES
from pipeline.stream.decode_columns import ColumnCode


@dataclass
class SourceText:
    """Lines of source text, and the names that they use."""

    lines: list[str] = field(default_factory=list)
    names: dict[str, object] = field(default_factory=dict)
    depth: int = 1

    def add(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    @contextmanager
    def indented(self) -> Iterator[None]:
        self.depth += 1
        yield
        self.depth -= 1

    def unpacker(self, codes: str) -> str:
        name = "unpack_" + codes
        self.names[name] = struct.Struct("<" + codes).unpack_from
        return name


@dataclass(frozen=True)
class Image:
    """One image of a row: how its columns are stored, and which of them are wanted.

    Of a before-image only the key is wanted: it has no `written`. Both hold places of columns, in
    the order in which they are wanted.
    """

    columns: Sequence[ColumnCode]
    key: Sequence[int]
    written: Sequence[int] = ()

    @property
    def wanted(self) -> frozenset[int]:
        return frozenset((*self.key, *self.written))

    def write(self, source: SourceText) -> None:
        """Write source that reads the image at `at`, moves `at` on and adds what is wanted."""
        size = (len(self.columns) + 7) // 8
        source.add(f"nulls = data[at:at + {size}]")
        source.add(f"at += {size}")
        source.add(f"if nulls == {bytes(size)!r}:")
        with source.indented():
            self._write_full(source)
            for number in sorted(self.wanted):
                self._write_field(source, number)
        source.add("else:")
        with source.indented():
            self._write_with_nulls(source)
        self._write_texts(source)

    def _write_field(self, source: SourceText, number: int) -> None:
        """Turn the raw value in `v{number}` into its field of a line."""
        code, name = self.columns[number], f"v{number}"
        source.names.update(code.names)
        field = code.expression.format(name)
        if code.form != "%b":
            field = f"b'{code.form}' % {field}"
        if field != name:
            source.add(f"{name} = {field}")
        if code.escaped:
            # By number: `in` takes several times as long for a bytes object.
            found = " or ".join(f"{byte} in {name}" for byte in SPECIAL_BYTES)
            source.add(f"if {found}: {name} = escape({name})")

    def _write_texts(self, source: SourceText) -> None:
        source.add(f"add_{'key' if self.written else 'before'}({_joined(self.key)})")
        if self.written:
            source.add(f"add_after({_joined(self.written)})")

    def _write_full(self, source: SourceText) -> None:
        """Columns of fixed width in runs, each run ended by a column of variable length."""
        run: list[int] = []
        for number, code in enumerate(self.columns):
            if not code.prefix:
                run.append(number)
                continue
            offset = self._write_run(source, run)
            self._write_variable(source, number, offset)
            run = []
        offset = self._write_run(source, run)
        if offset:
            source.add(f"at += {offset}")

    def _write_run(self, source: SourceText, run: list[int]) -> int:
        """Unpack what is wanted of a run, without moving `at`; returns the run's width."""
        width = sum(self.columns[number].width for number in run)
        wanted = [number for number in run if number in self.wanted]
        if not wanted:
            return width
        codes = "".join(
            self.columns[number].struct_code
            if number in wanted
            else f"{self.columns[number].width}x"
            for number in run[: run.index(wanted[-1]) + 1]
        )
        values = ", ".join(f"v{number}" for number in wanted)
        source.add(f"{values}, = {source.unpacker(codes)}(data, at)")
        return width

    def _write_variable(self, source: SourceText, number: int, offset: int) -> None:
        prefix = self.columns[number].prefix
        at = f"at + {offset}" if offset else "at"
        start = f"at + {offset + prefix}"
        length = _length(source, prefix, at)
        if number not in self.wanted:
            source.add(f"at += {offset + prefix} + {length}")
            return
        source.add(f"start = {start}")
        source.add(f"at = start + {length}")
        source.add(f"v{number} = data[start:at]")

    def _write_with_nulls(self, source: SourceText) -> None:
        source.add("nulls = from_bytes(nulls, 'little')")
        for number, code in enumerate(self.columns):
            if number in self.wanted:
                source.add(f"if nulls & {1 << number}:")
                source.add(f"    v{number} = {NULL!r}")
                source.add("else:")
            else:
                source.add(f"if not nulls & {1 << number}:")
            with source.indented():
                self._write_one(source, number, code)

    def _write_one(self, source: SourceText, number: int, code: ColumnCode) -> None:
        if code.prefix:
            self._write_variable(source, number, 0)
        else:
            if number in self.wanted:
                source.add(f"v{number}, = {source.unpacker(code.struct_code)}(data, at)")
            source.add(f"at += {code.width}")
        if number in self.wanted:
            self._write_field(source, number)


def _length(source: SourceText, prefix: int, at: str) -> str:
    if prefix == 1:
        return f"data[{at}]"
    if prefix == 3:
        return f"from_bytes(data[{at}:{at} + 3], 'little')"
    return f"{source.unpacker('H' if prefix == 2 else 'I')}(data, {at})[0]"


def _joined(numbers: Sequence[int]) -> str:
    """Source that makes a line of fields."""
    names = [f"v{number}" for number in numbers]
    return names[0] if len(names) == 1 else f"join_fields(({', '.join(names)}))"


def loop_source(source: SourceText, images: Sequence[Image], name: str) -> None:
    """Write a function `name(data, at, end, before, keys, after)` that reads images until `end`."""
    source.depth = 0
    source.add(f"def {name}(data, at, end, before, keys, after):")
    source.depth = 1
    source.add("add_before, add_key, add_after = before.append, keys.append, after.append")
    source.add("while at < end:")
    with source.indented():
        for image in images:
            image.write(source)
    source.add("return at")
