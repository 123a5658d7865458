"""The sentry table, and what the names on the server say about a swap.

    t                the table, original or rebuilt: it always exists
    t_tranship_new   the shadow; gone once it has become `t`
    t_tranship_old   the sentry until the swap, the original after it

The rename of the swap would give the original the sentry's name, so it can't succeed while there
is a sentry: not by mistake, and not when the connection that holds the lock dies.
"""

from __future__ import annotations

from enum import Enum

from sqlalchemy import Connection

from pipeline.domain.migration import MigrationTable
from pipeline.errors import AmbiguousError
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import drop_if, has_comment, table_exists
from pipeline.mysql.table import TableName

_MARK = "sentry of tranship"


class SwapState(Enum):
    """Which of the two tables has the name."""

    NOT_YET = "the original is in place"
    SWAPPED = "the rebuilt table is in place"


def create_sentry(connection: Connection, table: MigrationTable) -> None:
    """Raises: whatever the server says to a name that is taken."""
    run(
        connection,
        f"CREATE TABLE {quote_name(table.retired_name)} (id INT PRIMARY KEY) ENGINE=InnoDB"
        f" COMMENT='{_MARK}'",
    )


def drop_sentry(connection: Connection, table: MigrationTable) -> None:
    """Drop the sentry if there is one, but never another table."""
    drop_if(connection, table.retired_name, lambda here: is_sentry(here, table.retired_name))


def is_sentry(connection: Connection, name: TableName) -> bool:
    return has_comment(connection, name, _MARK)


def read_swap_state(connection: Connection, table: MigrationTable) -> SwapState:
    """Whether the swap has happened, by the names on the server.

    Raises:
        AmbiguousError: nothing that Tranship does leads to these names.
    """
    there = table_exists(connection, table.source)
    shadow = table_exists(connection, table.target)
    retired = table_exists(connection, table.retired_name) and not is_sentry(
        connection, table.retired_name
    )
    if there and shadow and not retired:
        return SwapState.NOT_YET
    if there and retired and not shadow:
        return SwapState.SWAPPED
    names = {table.source: there, table.target: shadow, table.retired_name: retired}
    said = ", ".join(f"{name} {'exists' if found else 'does not'}" for name, found in names.items())
    raise AmbiguousError(
        f"The swap of {table.source} can't be told from the names on the server: {said}.",
        "Nothing was changed. Give the tables their names by hand, then: tranship resume ID.",
    )
