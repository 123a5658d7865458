"""Column types: what a row holds becomes the domain's own values, and back.

UtcDateTime      DATETIME(6), by the server's UTC clock; aware values in Python
enumerated(E)    VARCHAR; a StrEnum's value in the row, its member in Python
Gtids            LONGTEXT; a GtidSet in its server's notation
Prose            TEXT; for a person, and cut if it is longer than that holds
Json(T)          JSON; what pydantic's TypeAdapter makes of T, checked when it is read
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import JSON, Dialect, Enum, Text
from sqlalchemy.dialects.mysql import DATETIME, LONGTEXT
from sqlalchemy.types import TypeDecorator

from pipeline.errors import DefectError
from pipeline.mysql.gtid import GtidSet

_LONGEST = 65_535 // 4  # characters; a TEXT holds that many bytes


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, to the microsecond. The row holds UTC without saying so; Python says so.

    Raises:
        DefectError: a value without a zone is to be written, which could mean any moment.
    """

    impl = DATETIME(fsp=6)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise DefectError(f"{value} has no time zone")
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def enumerated(kind: type[StrEnum], length: int = 32) -> Enum:
    """A column of a StrEnum's values, as VARCHAR: a new member needs no ALTER TABLE."""
    return Enum(
        kind,
        native_enum=False,
        length=length,
        values_callable=lambda members: [member.value for member in members],
        validate_strings=True,
    )


class Prose(TypeDecorator[str]):
    """A text for a person. One that is too long, a list of very many tables, say, loses its end."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or len(value) <= _LONGEST:
            return value
        return f"{value[: _LONGEST - 1]}…"


class Gtids(TypeDecorator[GtidSet]):
    """A set of transactions."""

    impl = LONGTEXT
    cache_ok = True

    def process_bind_param(self, value: GtidSet | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> GtidSet | None:
        return None if value is None else GtidSet.parse(value)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Made for the first value: a command reads few of the columns, and has to answer at once."""
    return TypeAdapter(kind)


class Json(TypeDecorator[Any]):
    """A value of type `kind` as JSON; None is NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind  # by which SQLAlchemy tells two of these columns apart

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else _adapter(self.kind).dump_python(value, mode="json")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else _adapter(self.kind).validate_python(value)
