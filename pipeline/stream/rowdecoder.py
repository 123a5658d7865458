"""Decodes the row images of one table with functions generated for its columns.

Their source text is built from the table map's types (what the binary log holds) and the
table's definition (what the values mean), and compiled once per table map. They yield lines, as
the target reads them: of an after-image the `written` columns, and of both images the key.

Guarantee: either every byte of a rows event is accounted for, or it is a FatalError. What the
log and the definition disagree about is never decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import CodeType

from pipeline.errors import FatalError, StartOverError, document_refused
from pipeline.mysql.codecs import escape
from pipeline.mysql.table import Column, Table
from pipeline.stream.decode_columns import ColumnCode, ShapeError, column_code
from pipeline.stream.decode_source import Image, SourceText, loop_source
from pipeline.stream.decode_tablemap import TableMap, packed_integer
from pipeline.stream.events import ChangeKind, KeyText, Line, RowsChange
from pipeline.stream.jsonbinary import BinaryScalarError

_Loop = Callable[[bytes, int, int, list[KeyText], list[KeyText], list[Line]], int]
_V1 = {23: ChangeKind.INSERT, 24: ChangeKind.UPDATE, 25: ChangeKind.DELETE}
_V2 = {30: ChangeKind.INSERT, 31: ChangeKind.UPDATE, 32: ChangeKind.DELETE}
CHANGES = _V1 | _V2
_FUNCTIONS = {
    ChangeKind.INSERT: "decode_insert",
    ChangeKind.UPDATE: "decode_update",
    ChangeKind.DELETE: "decode_delete",
}


class RowDecoder:
    """Decodes rows events of `table`, as `table_map` describes them.

    Raises:
        FatalError: the table map does not fit the table.
    """

    def __init__(self, table: Table, table_map: TableMap) -> None:
        self.table = table
        self._codes = _column_codes(table, table_map)
        self._loops: dict[bytes, dict[ChangeKind, _Loop]] = {}

    def decode(self, event_type: int, data: bytes, at: int, end: int) -> RowsChange:
        """The rows event whose body is `data[at:end]`.

        Raises:
            FatalError: it is not a full row image, or does not parse.
        """
        change = CHANGES[event_type]
        start = at
        try:
            present, at = self._read_head(event_type, data, at)
            before: list[KeyText] = []
            keys: list[KeyText] = []
            after: list[Line] = []
            reached = self._loop(present, change)(data, at, end, before, keys, after)
        except BinaryScalarError:
            raise document_refused(f"A change of {self.table.name} in the log") from None
        except (struct.error, IndexError, KeyError, ValueError, OverflowError) as error:
            raise self._damaged(f"{type(error).__name__}: {error}") from error
        if reached != end:
            raise self._damaged(f"its rows end {reached - end} bytes after its end")
        return RowsChange(self.table.name, change, before, keys, after, end - start)

    def _read_head(self, event_type: int, data: bytes, at: int) -> tuple[bytes, int]:
        """The bitmap of the columns that are present, and where the rows begin."""
        at += 8  # table id and flags
        if event_type in _V2:
            at += int.from_bytes(data[at : at + 2], "little")  # extra data, its length included
        count, at = packed_integer(data, at)
        if count != len(self._codes):
            raise self._damaged(f"it has {count} columns, the table map {len(self._codes)}")
        size = (count + 7) // 8
        present = data[at : at + size]
        at += size
        if CHANGES[event_type] is ChangeKind.UPDATE:
            if data[at : at + size] != present:
                raise _not_full(self.table)
            at += size
        return present, at

    def _loop(self, present: bytes, change: ChangeKind) -> _Loop:
        loops = self._loops.get(present)
        if loops is None:
            loops = self._loops[present] = _compile(self.table, self._codes, present)
        return loops[change]

    def _damaged(self, what: str) -> FatalError:
        return FatalError(
            f"A rows event of {self.table.name} can't be read: {what}.",
            "The table's definition may have changed since the start. Abort, clean up and start"
            " again.",
        )


def _column_codes(table: Table, table_map: TableMap) -> list[ColumnCode]:
    found, known = len(table_map.columns), len(table.columns)
    try:
        if found != known:
            raise ShapeError(f"the log has {found} columns, the definition {known}")
        return [
            column_code(column, stored)
            for column, stored in zip(table.columns, table_map.columns, strict=True)
        ]
    except ShapeError as error:
        raise StartOverError(
            f"{table_map.name} is no longer what it was when its migration began: {error}.",
            "Change tables before or after a migration.",
        ) from None


def _compile(table: Table, codes: list[ColumnCode], present: bytes) -> dict[ChangeKind, _Loop]:
    """The three functions for images that hold the columns of the bitmap `present`."""
    bits = int.from_bytes(present, "little")
    stored = [number for number in range(len(codes)) if bits >> number & 1]
    place = {table.columns[number].name: at for at, number in enumerate(stored)}
    if any(column.name not in place for column in table.written):
        raise _not_full(table)
    columns = [codes[number] for number in stored]
    key = _places(table.key_columns, place)
    before, after = Image(columns, key), Image(columns, key, _places(table.written, place))
    source = SourceText(
        names={"from_bytes": int.from_bytes, "escape": escape, "join_fields": b"\t".join}
    )
    loop_source(source, [after], "decode_insert")
    loop_source(source, [before, after], "decode_update")
    loop_source(source, [before], "decode_delete")
    code: CodeType = compile("\n".join(source.lines), f"<row decoder of {table.name}>", "exec")
    exec(code, source.names)
    return {change: source.names[name] for change, name in _FUNCTIONS.items()}  # type: ignore[misc]


def _places(columns: tuple[Column, ...], place: dict[str, int]) -> list[int]:
    return [place[column.name] for column in columns]


def _not_full(table: Table) -> StartOverError:
    return StartOverError(
        f"A rows event of {table.name} holds only some of the columns.",
        "Set binlog_row_image = FULL for every session of the source.",
    )
