"""What is done right before writes stop, so that little is left to do while they are blocked.

The intent is written: the streamer commits at once from now on, and workers begin no verification.
One that is still reading a table would make the rename, or the lock, wait for it, and all writes
with it. And what was touched lately is verified here, so that the time in which writes are blocked
depends on the writes of its last moment.
"""

from __future__ import annotations

import time

from pipeline.checksum.sides import sides_of
from pipeline.checksum.verify_keys import KeyVerifier
from pipeline.control.cut_over_parts import note_blocked_for
from pipeline.control.leases import Renewal
from pipeline.control.touched_keys import count_touched, keys_are_sent
from pipeline.domain.migration import MigrationTable
from pipeline.domain.stages import STAGES_THAT_VERIFY, Stage
from pipeline.step.context import Context
from pipeline.waiting import wait_until

_WORKERS_END_S = 2.0  # a message that nobody takes would be waited for, too
_POLL_S = 0.01
_LONGEST_S = 1.0
_LITTLE = 200  # touched keys


def catch_up(context: Context) -> None:
    """Wait for the workers, then verify until little is left or it no longer gets less.

    Raises:
        FencedError: somebody else coordinates now.
    """
    renewal = Renewal(context.lease, context.renew)
    wait_until(lambda: not _workers_verify(context, renewal), _WORKERS_END_S, _POLL_S)
    verifiers = [_verifier(context, table) for table in context.tables]
    deadline = time.monotonic() + _LONGEST_S
    while _more_than_little(context) and time.monotonic() < deadline:
        for verifier in verifiers:
            renewal.keep()
            verifier.verify_slice()
    with context.control() as control:
        note_blocked_for(control, context.migration.id, 0)  # it was not until now


def _workers_verify(context: Context, renewal: Renewal) -> bool:
    renewal.keep()
    with context.reading() as control:
        return any(keys_are_sent(control, table) for table in context.tables)


def _verifier(context: Context, table: MigrationTable) -> KeyVerifier:
    stages = STAGES_THAT_VERIFY | {Stage.BLOCKING}
    return KeyVerifier(
        sides_of(context.pools, context.migration, table, table.source, stages=stages)
    )


def _more_than_little(context: Context) -> bool:
    with context.reading() as control:
        left = sum(count_touched(control, table, _LITTLE + 1) for table in context.tables)
    return left > _LITTLE
