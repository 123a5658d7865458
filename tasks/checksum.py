"""Queue `tranship.checksum`: one range a task."""

from __future__ import annotations

import time

from celery import shared_task
from celery.utils.log import get_task_logger
from structlog.contextvars import bound_contextvars

from pipeline.checksum.verify import ChunkVerifier, Verdict
from pipeline.control.chunk_checks import unsend_check
from pipeline.domain.migration import Migration, MigrationTable, source_name
from pipeline.domain.role import Role
from pipeline.domain.stages import STAGES_THAT_VERIFY, WRITES_BLOCKED
from pipeline.errors import FencedError, RetryableError, TranshipError
from pipeline.mysql.pools import Pools
from tasks import context
from tasks.facts import fail_migration, find, holds_back, rest
from tasks.messages import VERIFY_CHUNK, send_advance

log = get_task_logger(__name__)


@shared_task(name=VERIFY_CHUNK)
def verify_chunk(target: str, migration_id: str, table_id: int, number: int) -> None:
    """Verify range `no` once; the coordinator sends it again for as long as it is dirty."""
    with bound_contextvars(migration=migration_id, range=number):
        _verify_chunk(target, migration_id, table_id, number)


def _verify_chunk(target: str, migration_id: str, table_id: int, number: int) -> None:
    pools = context.pools()
    try:
        migration, table = find(pools, target, migration_id, table_id)
        if migration.stage not in STAGES_THAT_VERIFY or migration.failure is not None:
            return
        throttle = holds_back(pools, target, migration_id)
        # Under a cut-over's refusal of writes there is nothing to be nice about.
        if throttle.throttled and migration.stage not in WRITES_BLOCKED:
            with pools.begin(target) as control:
                unsend_check(control, table, number)
            return
        began = time.monotonic()
        with bound_contextvars(table=str(table.source)):
            verdict = _verifier(pools, migration, table).verify(number)
            log.info("%s", verdict.value)
        if verdict is not Verdict.INCONCLUSIVE:
            send_advance(target, migration_id)
        if migration.stage not in WRITES_BLOCKED:
            rest(pools, throttle, time.monotonic() - began)
    except FencedError as error:
        log.info("%s", error)
    except RetryableError as error:
        log.warning("%s", error)
    except TranshipError as error:
        fail_migration(pools, target, migration_id, Role.CHECKSUM, error)


def _verifier(pools: Pools, migration: Migration, table: MigrationTable) -> ChunkVerifier:
    return ChunkVerifier(
        pools=pools,
        source=migration.source,
        target=migration.target,
        table=table,
        source_name=source_name(migration.stage, table),
        settings=pools.settings.checksum,
    )
