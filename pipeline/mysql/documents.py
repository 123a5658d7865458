"""JSON documents whose text does not say everything: those with DECIMAL, dates or times inside.

`JSON_OBJECT('price', 1.50)` holds a DECIMAL. From text it is read back as a DOUBLE, and a date
as a string. So the Field of such a document carries, before its text, where these scalars are
and what they are; from both a server builds the document again, by JSON_REPLACE.

    \\x01 [["$.\\"price\\"", "DECIMAL(3,2)", "1.50"], …] \\x01 {"price": 1.50}

No text of a document contains \\x01, since JSON writes it as an escape.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.mysql.quoting import text_literal

MARK = b"\x01"
ROOT = "$"


@dataclass(frozen=True)
class TypedScalar:
    """The scalar at `path`: CAST(`text` AS `sql_type`)."""

    path: str
    sql_type: str
    text: str


def member(path: str, key: str) -> str:
    """The path of a member of the object at `path`."""
    return f"{path}.{json.dumps(key, ensure_ascii=False)}"


def element(path: str, number: int) -> str:
    return f"{path}[{number}]"


def decimal_type(text: str) -> str:
    """The narrowest DECIMAL that holds the number with all digits that are written."""
    integer, _, fraction = text.lstrip("-").partition(".")
    return f"DECIMAL({max(1, len(integer.lstrip('0')) + len(fraction))},{len(fraction)})"


def typed_field(text: bytes, scalars: Sequence[TypedScalar]) -> bytes:
    """The Field of a document: its text, preceded by the scalars where there are any."""
    if not scalars:
        return text
    listed = [[scalar.path, scalar.sql_type, scalar.text] for scalar in scalars]
    return MARK + json.dumps(listed).encode() + MARK + text


def is_typed(field: bytes) -> bool:
    return field.startswith(MARK)


def document_literal(field: bytes) -> bytes:
    """SQL that builds the document of a Field."""
    if not is_typed(field):
        return _from_text(field)
    listed, _, text = field[1:].partition(MARK)
    parts = [
        f"{text_literal(path)}, CAST({text_literal(value)} AS {sql_type})"
        for path, sql_type, value in json.loads(listed)
    ]
    return b"JSON_REPLACE(" + _from_text(text) + b", " + ", ".join(parts).encode() + b")"


def _from_text(text: bytes) -> bytes:
    return b"CONVERT(x'" + text.hex().encode() + b"' USING utf8mb4)"
