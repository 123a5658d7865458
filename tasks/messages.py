"""Sends the pipeline's messages as Celery tasks: only names and numbers, no rows, no secrets."""

from __future__ import annotations

import time

from celery import current_app
from kombu.exceptions import OperationalError

from pipeline.domain.migration import MigrationTable
from pipeline.errors import RetryableError
from tasks import context, queues

COPY_CHUNK = "tranship.copy_chunk"
VERIFY_CHUNK = "tranship.verify_chunk"
VERIFY_KEYS = "tranship.verify_keys"
SERVE_STREAM = "tranship.serve_stream"
ADVANCE = "tranship.advance"
TICK = "tranship.tick"

ROUTES = {
    COPY_CHUNK: queues.COPY,
    VERIFY_CHUNK: queues.CHECKSUM,
    VERIFY_KEYS: queues.CHECKSUM,
    SERVE_STREAM: queues.STREAM,
    ADVANCE: queues.COORDINATE,
    TICK: queues.COORDINATE,
}
_SERVE_EXPIRES_S = 30
_SERVE_AGAIN_S = 1.0
_ADVANCE_EXPIRES_S = 10


class CeleryMessenger:
    """The coordinator's `Messenger`. The control schema says what got lost and is sent again."""

    def __init__(self) -> None:
        self._asked_at = 0.0

    def copy_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        what = f"chunk {number} of {table.source} ({table.migration_id})"
        send(COPY_CHUNK, target, table.migration_id, table.id, number, what=what)

    def verify_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        what = f"chunk {number} of {table.source} ({table.migration_id})"
        expires_s = _verify_again_s()
        send(
            VERIFY_CHUNK, target, table.migration_id, table.id, number,
            what=what, expires_s=expires_s,
        )  # fmt: skip

    def verify_keys(self, target: str, table: MigrationTable) -> None:
        what = f"touched keys of {table.source} ({table.migration_id})"
        expires_s = _verify_again_s()
        send(VERIFY_KEYS, target, table.migration_id, table.id, what=what, expires_s=expires_s)

    def serve_stream(self, target: str, migration_id: str) -> None:
        # In a cut-over the coordinator asks many times a second.
        if time.monotonic() - self._asked_at > _SERVE_AGAIN_S:
            self._asked_at = time.monotonic()
            what = f"the binary log for {migration_id}"
            send(SERVE_STREAM, target, migration_id, what=what, expires_s=_SERVE_EXPIRES_S)


def _verify_again_s() -> float:
    """After so long a message to verify is sent again, so it need not live longer.

    If it did, each one that waits would become two, and under writers who are never still the queue
    would grow until nothing converged.
    """
    return context.pools().settings.checksum.resend_s


def send_advance(target: str, migration_id: str) -> None:
    """Ask the coordinator to advance a migration now rather than at the next tick."""
    send(ADVANCE, target, migration_id, what=migration_id, expires_s=_ADVANCE_EXPIRES_S)


def send(name: str, *arguments: str | int, what: str, expires_s: float | None = None) -> None:
    """Send one message; `what` is what Flower and the workers' logs call it.

    Raises:
        RetryableError: the broker does not answer.
    """
    try:
        current_app.send_task(
            name, args=arguments, argsrepr=what, queue=ROUTES[name], expires=expires_s
        )
    except OperationalError as error:
        raise RetryableError(f"The broker does not answer: {error}.") from error
