"""JSON documents whose text does not say everything: DECIMAL, dates and times inside.

`JSON_OBJECT('price', 1.50)` holds a DECIMAL. As text it is read back as a DOUBLE, and a date
as a string. So a Field of such a document carries, before its text, where these scalars are
and what they are; a server makes the document again from both, by JSON_REPLACE.

    \\x01 [["$.\\"price\\"", "DECIMAL(3,2)", "1.50"], …] \\x01 {"price": 1.50}

No text of a document begins with \\x01, and none contains it: JSON writes it as an escape.
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
    """A scalar at `path` that is `text`, CAST AS `sql_type`."""

    path: str
    sql_type: str
    text: str


def member(path: str, key: str) -> str:
    """The path of a member of the object at `path`."""
    return f"{path}.{json.dumps(key, ensure_ascii=False)}"


def element(path: str, number: int) -> str:
    return f"{path}[{number}]"


def decimal_type(text: str) -> str:
    """The narrowest DECIMAL that holds a number as it is written."""
    whole, _, fraction = text.lstrip("-").partition(".")
    return f"DECIMAL({max(1, len(whole.lstrip('0')) + len(fraction))},{len(fraction)})"


def typed_field(text: bytes, scalars: Sequence[TypedScalar]) -> bytes:
    """The Field of a document; its text alone where it needs nothing else."""
    if not scalars:
        return text
    listed = [[scalar.path, scalar.sql_type, scalar.text] for scalar in scalars]
    return MARK + json.dumps(listed).encode() + MARK + text


def is_typed(field: bytes) -> bool:
    return field.startswith(MARK)


def document_literal(field: bytes) -> bytes:
    """The SQL that makes the document of a Field."""
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
