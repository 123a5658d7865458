"""A pool whose connections cost no round trip of their own while they are in use.

SQLAlchemy's pool pings a connection each time that it hands it out, and rolls back each time that
it gets it back. Our transactions are short, so that was a third of all round trips. Here a
connection is pinged only after it has been idle, when the server may have closed it, and rolled
back unless its transaction is known to have ended.

Guarantee: whoever gets a connection finds no open transaction on it. One that was lost a moment ago
shows it with the first statement, as one that gets lost later does: RetryableError.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from pipeline.mysql.failures import came_from

_IDLE_S = 1.0
_OLDEST_S = 600  # a global privilege that is granted meanwhile goes to new connections only
_USED_AT, _ENDED = "used_at", "transaction_ended"


def pooled_engine(connect: Callable[[], Any]) -> Engine:
    """An engine with such a pool, whose connections `connect` opens."""
    engine = create_engine(
        "mysql+pymysql://",
        creator=connect,
        pool_size=4,
        max_overflow=-1,  # as many as there are threads: each streamer is one, say
        pool_recycle=_OLDEST_S,
        pool_reset_on_return=None,  # `_roll_back` does it
    )
    event.listen(engine, "connect", _opened)
    event.listen(engine, "checkout", _ping_if_idle)
    event.listen(engine, "reset", _roll_back)
    event.listen(engine, "checkin", _used)
    event.listen(engine, "handle_error", _failed)
    return engine


def transaction_ended(connection: Connection) -> None:
    """Spare the pool its rollback: the transaction was committed, and nothing came after."""
    connection.info[_ENDED] = True


def _opened(_: Any, record: Any) -> None:
    record.info[_USED_AT] = time.monotonic()


def _used(raw: Any, record: Any) -> None:
    if raw is not None:
        record.info[_USED_AT] = time.monotonic()


def _ping_if_idle(raw: Any, record: Any, _: Any) -> None:
    if time.monotonic() - record.info[_USED_AT] < _IDLE_S:
        return
    try:
        raw.ping(reconnect=False)
    except Exception as error:
        # Whatever ended this one, a restart say, has ended the older ones, too.
        raise InvalidatePoolError from error


def _failed(context: ExceptionContext) -> None:
    if context.connection is not None:
        raw = context.connection.connection.driver_connection
        came_from(raw, context.original_exception)


def _roll_back(raw: Any, record: Any, _: Any) -> None:
    if not record.info.pop(_ENDED, False):
        raw.rollback()
