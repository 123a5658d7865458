"""Which conversions may lose something without the server reporting it.

A column needs no check if every value that does not fit is an error or a warning
(`reports_loss`): out of range, too long, not in the character set, not a label. Where that is not
known, the column is checked value by value.
"""

from __future__ import annotations

from pipeline.mysql.definition_diff import same_values
from pipeline.mysql.table import Column, ValueKind

_UNICODE = frozenset({"utf8mb4", "utf16", "utf16le", "utf32"})
_SAME_KIND = frozenset(
    {ValueKind.INTEGER, ValueKind.DECIMAL, ValueKind.YEAR, ValueKind.DATE,
     ValueKind.BIT, ValueKind.ENUM, ValueKind.SET, ValueKind.JSON}
)  # fmt: skip
_FLOATING = (ValueKind.FLOAT, ValueKind.DOUBLE)
_FRACTIONS = frozenset({ValueKind.TIME, ValueKind.DATETIME, ValueKind.TIMESTAMP})
_NUMBERED = frozenset({ValueKind.ENUM, ValueKind.SET, ValueKind.BIT})
_IMPLICIT = {
    **dict.fromkeys(
        [
            ValueKind.INTEGER,
            ValueKind.DECIMAL,
            ValueKind.FLOAT,
            ValueKind.DOUBLE,
            ValueKind.YEAR,
            ValueKind.BIT,
        ],
        "0",
    ),
    **dict.fromkeys([ValueKind.TEXT, ValueKind.BINARY, ValueKind.SET], "''"),
    ValueKind.ENUM: "1",
}


def reports_loss(old: Column, new: Column) -> bool:
    """Whether a value of `old` that `new` can't hold is an error or a warning."""
    if same_values(old, new):
        return True
    if old.kind is ValueKind.TEXT and new.kind is ValueKind.TEXT:
        strips = new.data_type == "char" and old.data_type != "char"
        return not strips and (new.charset == old.charset or new.charset in _UNICODE)
    if old.kind is ValueKind.BINARY and new.kind is ValueKind.BINARY:
        return new.data_type != "binary"  # BINARY pads
    if old.kind in _FLOATING and new.kind is ValueKind.DOUBLE:
        return "(" not in new.column_type  # DOUBLE(M,D) rounds
    if (old.kind, new.kind) in (
        (ValueKind.INTEGER, ValueKind.DECIMAL),
        (ValueKind.DATE, ValueKind.DATETIME),
    ):
        return True
    if old.kind in _FRACTIONS and new.kind is old.kind:
        return new.fraction_digits >= old.fraction_digits
    return old.kind is new.kind and old.kind in _SAME_KIND


def goes_by_number(old: Column, new: Column) -> bool:
    """Whether a value is copied by the number behind it: it means the same before and after.

    A server copies ENUM and SET by their labels, even to a column of the same definition. Both
    the label '' and the error value, which only a lenient session could write, are '' as text.
    """
    if old.kind not in _NUMBERED:
        return False
    longer = old.kind is new.kind and _begins_with(new.column_type, old.column_type)
    return same_values(old, new) or (longer and old.kind is not ValueKind.BIT)


def _begins_with(longer: str, members: str) -> bool:
    """Whether `enum('a','b')` has all members of `enum('a')`, in the same places."""
    end = len(members) - 1
    return longer[:end] == members[:end] and longer[end : end + 1] in (",", ")")


def bounds_alike(old: Column, new: Column) -> bool:
    """Whether key values, their literals and their order are the same before and after."""
    if old.kind is not new.kind:
        return False
    if old.kind is ValueKind.INTEGER:
        return True
    if old.kind is ValueKind.TEXT or (
        old.kind is ValueKind.BINARY and new.data_type == old.data_type
    ):
        padded = "char" in (old.data_type, new.data_type) or old.data_type == "binary"
        same = old.charset == new.charset and old.collation == new.collation
        return same and (not padded or old.column_type == new.column_type)
    return same_values(old, new)


def implicit_literal(column: Column) -> str | None:
    """What ALTER TABLE puts into an added NOT NULL column without a default; None if unclear."""
    return _IMPLICIT.get(column.kind)
