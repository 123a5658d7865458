"""Column types that turn what a row holds into the domain's own values, and back.

UtcDateTime      DATETIME(6), written by the server's UTC clock; aware values in Python
enumerated(E)    VARCHAR; a StrEnum's value in the row, its member in Python
Json(T)          JSON; what pydantic's TypeAdapter makes of T, checked when it is read
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import JSON, Dialect, Enum
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, to the microsecond. The row holds UTC without saying so; Python says so."""

    impl = DATETIME(fsp=6)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
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


class Json(TypeDecorator[Any]):
    """A value of type `kind` as JSON; None is NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind  # by which SQLAlchemy tells two of these columns apart
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else self._adapter.dump_python(value, mode="json")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else self._adapter.validate_python(value, strict=False)
