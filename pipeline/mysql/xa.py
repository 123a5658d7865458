"""XA transactions that a server has prepared: their rows are logged, and take effect later.

An XA transaction is named as the binary log names it: `X'61',X'',1`.
"""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import run
from pipeline.waiting import wait_until

_POLL_S = 0.05


def prepared_xa(connection: Connection) -> tuple[str, ...]:
    """The XA transactions that are prepared, and neither committed nor rolled back.

    Raises:
        pymysql.err.OperationalError: 1401, no XA_RECOVER_ADMIN.
    """
    if is_mariadb(connection):
        return tuple(str(row[3]) for row in run(connection, "XA RECOVER FORMAT = 'SQL'").rows)
    rows = run(connection, "XA RECOVER CONVERT XID").rows
    return tuple(sorted(_named(*row) for row in rows))


def wait_for_xa(connection: Connection, names: tuple[str, ...], limit_s: float) -> tuple[str, ...]:
    """Wait until `names` are committed or rolled back; those that are not after `limit_s`."""
    left = set(names)

    def ended() -> bool:
        left.intersection_update(prepared_xa(connection))
        return not left

    return () if wait_until(ended, limit_s, _POLL_S) else tuple(sorted(left))


def xa_privileges(connection: Connection) -> tuple[str, ...]:
    """What `prepared_xa` needs."""
    return () if is_mariadb(connection) else ("XA_RECOVER_ADMIN",)


def _named(number: int, first: int, second: int, data: str) -> str:
    digits = data.removeprefix("0x").upper()
    return f"X'{digits[: 2 * first]}',X'{digits[2 * first :]}',{number}"


def xa_name(statement: str) -> str:
    """The transaction that an XA statement of the binary log is about."""
    return statement.split(None, 2)[2].strip().upper()
