"""The statement that adds indexes, and the thread that waits for its end.

The thread only tells how it has ended. Whether the indexes are there, the server says.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import Any

from pymysql.connections import Connection as RawConnection

from pipeline.control.index_builds import IndexBuild, note_build_failure
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.errors import FatalError, TranshipError
from pipeline.mysql.failures import LOG_TOO_SMALL, code_of, translate
from pipeline.mysql.pools import Pools, raw_connection_id, run_raw

log = logging.getLogger(__name__)

# At its beginning and at its end the server waits for every transaction that uses the table. They
# are ours, and short. If somebody else's is not, the stream stands still for that long, and then
# all of the work is lost: so this is much, and bounded.
_LOCK_WAIT_S = 300
# The server's default of 1 MiB makes it merge from disk again and again.
_SORT_BYTES = 64 << 20


def open_index_connection(pools: Pools, server: str) -> RawConnection[Any]:
    """A connection that waits for as long as an index takes."""
    raw = pools.connect(server, read_timeout=None)
    run_raw(raw, f"SET SESSION lock_wait_timeout = {_LOCK_WAIT_S}")
    with suppress(Exception):  # unknown to MariaDB, and to MySQL before 8.0.27
        run_raw(raw, f"SET SESSION innodb_ddl_buffer_size = {_SORT_BYTES}")
    return raw


def send(
    pools: Pools, server: str, raw: RawConnection[Any], build: IndexBuild, statement: str
) -> threading.Thread:
    """Send the statement; the thread that is returned ends with it."""

    def wait() -> None:
        try:
            run_raw(raw, statement)
        except Exception as error:
            _note(pools, server, build, raw_connection_id(raw), _failure(error, server))
        finally:
            with suppress(Exception):
                raw.close()

    # A daemon: the process may end, and the server goes on.
    thread = threading.Thread(target=wait, name=f"indexes-{build.table_id}", daemon=True)
    thread.start()
    return thread


def _failure(error: Exception, server: str) -> TranshipError:
    found = translate(error, server)
    if code_of(error) != LOG_TOO_SMALL:
        return found
    return FatalError(
        found.explanation,
        f"Raise innodb_online_alter_log_max_size on {server}: it has to hold what is written to"
        " the table meanwhile.",
    )


def _note(pools: Pools, server: str, build: IndexBuild, number: int, error: TranshipError) -> None:
    """Have the coordinator stop; after trouble that passes it tries again by itself."""
    log.warning("adding indexes: %s", error)
    if not isinstance(error, FatalError):
        return
    failure = Failure(Role.COORDINATE, error.explanation, error.remedy)
    with suppress(TranshipError), pools.begin(server) as control:
        note_build_failure(control, build, number, failure)
