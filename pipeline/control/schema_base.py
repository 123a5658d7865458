"""What the files of the control schema share: its name, its metadata, and the server's clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, MetaData, String, literal_column, select

from pipeline.control.types import UtcDateTime

SCHEMA = "tranship"
NOW: ColumnElement[datetime] = literal_column("UTC_TIMESTAMP(6)", UtcDateTime())

metadata = MetaData(schema=SCHEMA)
Moment = UtcDateTime()
Identity = String(32)
OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def ago(seconds: float) -> ColumnElement[datetime]:
    return ahead(-seconds)


def ahead(seconds: float) -> ColumnElement[datetime]:
    """A moment `seconds` from now, by the server's clock."""
    interval = f"INTERVAL {round(seconds * 1e6)} MICROSECOND"
    return literal_column(f"UTC_TIMESTAMP(6) + {interval}", UtcDateTime())


def read_now(connection: Connection) -> datetime:
    """The server's clock."""
    return connection.execute(select(NOW)).scalar_one()
