"""What a session of the streamer looks at before it reads: its source and its target."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.control.chunk_checks import require_all_again
from pipeline.control.events import log_event
from pipeline.control.leases import Lease, fence
from pipeline.control.streams import StreamState, note_source_run, read_stream
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.role import Role
from pipeline.errors import FatalError
from pipeline.mysql.durability import server_run
from pipeline.mysql.pools import Pools
from pipeline.mysql.server_run import ServerRun
from pipeline.mysql.servers import table_exists
from pipeline.step.source import require_history


def check_source(
    pools: Pools,
    lease: Lease,
    migration: Migration,
    tables: Sequence[MigrationTable],
    state: StreamState,
) -> None:
    """The log goes on where the position is, on a server that has kept it; or all is verified.

    Raises:
        FatalError: the source has lost transactions that were applied, or has received them as a
            replica and does not execute them.
    """
    with pools.begin(migration.source) as source:
        found = server_run(source)
        if found.start != state.source_run.start:
            # First, or a coordinator that sees the difference would end this session, too.
            _note_run(pools, lease, migration, tables, found)
        require_history(source, state)


def _note_run(
    pools: Pools,
    lease: Lease,
    migration: Migration,
    tables: Sequence[MigrationTable],
    found: ServerRun,
) -> None:
    """The source has started since, or is another one."""
    with pools.begin(migration.target) as control:
        before = read_stream(control, migration.id, lock=True).source_run
        if not found.keeps_log_of(before):
            for table in tables:
                require_all_again(control, table)
            what = f"{_change_text(before, found)}; every row is verified again"
            log_event(control, migration.id, EventKind.SOURCE, what, Role.STREAM)
        note_source_run(control, migration.id, found)
        fence(control, lease)


def _change_text(before: ServerRun, found: ServerRun) -> str:
    if found.server != before.server:
        return f"the source is another server now ({found})"
    return f"the source has restarted ({found}) and may have lost what it had committed last"


def check_target(
    pools: Pools, lease: Lease, migration: Migration, tables: Sequence[MigrationTable]
) -> None:
    """
    Raises:
        FatalError: a table is gone; each write to it would look like trouble that passes.
    """
    with pools.begin(migration.target) as control:
        gone = [table.target for table in tables if not table_exists(control, table.target)]
        fence(control, lease)  # else it may have been swapped in
    if gone:
        raise FatalError(
            f"{', '.join(map(str, gone))} on {migration.target} is gone: somebody has dropped or"
            " renamed it.",
            "If it was renamed, give it that name again, then: tranship resume ID. Else abort,"
            " clean up and start again.",
        )
