"""Queue `tranship.checksum`: one range a task."""

from __future__ import annotations

import time

from celery import shared_task
from celery.utils.log import get_task_logger
from structlog.contextvars import bound_contextvars

from pipeline.checksum.verify import RangeVerifier, Verdict
from pipeline.control.ranges import recall
from pipeline.control.records import Migration, Moved
from pipeline.cutover.stages import RENAMED, STAGES_THAT_VERIFY, source_name
from pipeline.errors import FencedError, RetryableError, TranshipError
from pipeline.mysql.pools import Pools
from tasks import context
from tasks.facts import find, holds_back, rest, stop_for_good
from tasks.messages import VERIFY_RANGE, send_advance

log = get_task_logger(__name__)


@shared_task(name=VERIFY_RANGE)
def verify_range(target: str, migration_id: str, moved_id: int, no: int) -> None:
    """Verify range `no` once; the coordinator sends it again for as long as it is dirty."""
    with bound_contextvars(migration=migration_id, range=no):
        _verify_range(target, migration_id, moved_id, no)


def _verify_range(target: str, migration_id: str, moved_id: int, no: int) -> None:
    pools = context.pools()
    try:
        migration, moved = find(pools, target, migration_id, moved_id)
        if migration.stage not in STAGES_THAT_VERIFY or migration.failure is not None:
            return
        throttle = holds_back(pools, target, migration_id)
        # Under a cut-over's refusal of writes there is nothing to be nice about.
        if throttle.throttled and migration.stage not in RENAMED:
            with pools.begin(target) as control:
                recall(control, moved, no)
            return
        began = time.monotonic()
        with bound_contextvars(table=str(moved.source)):
            verdict = _verifier(pools, migration, moved).verify(no)
            log.info("%s", verdict.value)
        if verdict is not Verdict.MOVING:
            send_advance(target, migration_id)
        if migration.stage not in RENAMED:
            rest(pools, throttle, time.monotonic() - began)
    except FencedError as error:
        log.info("%s", error)
    except RetryableError as error:
        log.warning("%s", error)
    except TranshipError as error:
        stop_for_good(pools, target, migration_id, "checksum", error)


def _verifier(pools: Pools, migration: Migration, moved: Moved) -> RangeVerifier:
    return RangeVerifier(
        pools=pools,
        source=migration.source,
        target=migration.target,
        moved=moved,
        source_name=source_name(migration.stage, moved),
        settings=pools.settings.checksum,
    )
