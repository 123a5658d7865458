"""Queue `tranship.copy`: one chunk a task."""

from __future__ import annotations

import time

from celery import shared_task
from celery.utils.log import get_task_logger
from structlog.contextvars import bound_contextvars

from pipeline.control.chunks import chunk_attempts, unsend
from pipeline.copy.chunk import copy_chunk as copy_one
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.role import Role
from pipeline.domain.stages import STAGES_THAT_COPY
from pipeline.errors import FatalError, FencedError, RetryableError
from pipeline.mysql.pools import Pools
from tasks import context
from tasks.facts import fail_migration, find, holds_back, rest
from tasks.messages import COPY_CHUNK, send_advance

log = get_task_logger(__name__)


@shared_task(name=COPY_CHUNK)
def copy_chunk(target: str, migration_id: str, table_id: int, number: int) -> None:
    """Copy chunk `no`; every error leaves the chunk to the coordinator or stops the migration."""
    with bound_contextvars(migration=migration_id, chunk=number):
        _copy_chunk(target, migration_id, table_id, number)


def _copy_chunk(target: str, migration_id: str, table_id: int, number: int) -> None:
    pools = context.pools()
    try:
        migration, table = find(pools, target, migration_id, table_id)
        if migration.stage not in STAGES_THAT_COPY or migration.failure is not None:
            return
        throttle = holds_back(pools, target, migration_id)
        if throttle.throttled:
            with pools.begin(target) as control:
                unsend(control, table, number)
            return
        began = time.monotonic()
        with bound_contextvars(table=str(table.source)):
            _copy(pools, migration, table, number)
        rest(pools, throttle, time.monotonic() - began)
    except FencedError as error:
        log.info("%s", error)
    except RetryableError as error:
        log.warning("%s", error)


def _copy(pools: Pools, migration: Migration, table: MigrationTable, number: int) -> None:
    target, migration_id = migration.target, migration.id
    try:
        copied = copy_one(pools, migration.source, target, table, number, context.owner())
    except FencedError:
        raise
    except FatalError as error:
        fail_migration(pools, target, migration_id, Role.COPY, error)
    except Exception as error:  # a defect of ours too: tried again, but not for ever
        _give_up_if_hopeless(pools, migration, table, number, error)
        raise
    else:
        if copied is not None:
            send_advance(target, migration_id)


def _give_up_if_hopeless(
    pools: Pools, migration: Migration, table: MigrationTable, number: int, error: Exception
) -> None:
    with pools.begin(migration.target) as control:
        attempts = chunk_attempts(control, table, number)
    if attempts >= pools.settings.row_copy.attempts:
        hopeless = FatalError(
            f"Chunk {number} of {table.source} failed {attempts} times, last with: {error}",
            f"When its cause is gone: tranship resume {migration.id}",
        )
        fail_migration(pools, migration.target, migration.id, Role.COPY, hopeless)
