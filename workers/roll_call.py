"""The roll call: which workers answer, what they do, and with which configuration.

It goes by Celery's remote control, which every worker's main process answers (presence.py), however
busy its children are. Nothing is stored: the answer is as old as the question.
"""

from __future__ import annotations

import time
from typing import Any

from celery import Celery
from kombu import Connection

from pipeline.configuration.digest import settings_digest
from pipeline.configuration.settings import Settings
from pipeline.domain.processes import Processes, WorkerNode
from pipeline.domain.role import Role
from tasks import queues

EXCHANGE = "tranship"
PRESENT = "tranship_present"
_CONNECT_S = 3.0
_ROLES = {
    queues.COPY: Role.COPY,
    queues.CHECKSUM: Role.CHECKSUM,
    queues.STREAM: Role.STREAM,
    queues.COORDINATE: Role.COORDINATE,
}


def call_roll(app: Celery, settings: Settings, wait_s: float = 1.0) -> Processes:
    """Ask all workers; it takes `wait_s` longer than the last answer."""
    asked_at = time.time()
    try:
        with _connect(settings) as connection, connection.channel() as channel:
            answers = app.control.broadcast(
                PRESENT, reply=True, timeout=wait_s, connection=connection, channel=channel
            )
    except Exception as error:  # whatever the broker's client raises
        return Processes(broker_trouble=f"{type(error).__name__}: {error}".rstrip(". "))
    expected, between = settings_digest(settings), (asked_at, time.time())
    nodes = (_node(name, said, expected, between) for one in answers for name, said in one.items())
    return Processes(workers=tuple(sorted(nodes, key=lambda node: node.name)))


def _connect(settings: Settings) -> Connection:
    options = {
        "socket_connect_timeout": _CONNECT_S, "socket_timeout": _CONNECT_S,
        "max_retries": 1, "interval_start": 0, "interval_step": 0,
    }  # fmt: skip
    return Connection(settings.broker.url.get_secret_value(), transport_options=options)


def _node(
    name: str, said: dict[str, Any], expected: str, between: tuple[float, float]
) -> WorkerNode:
    # A worker of another version may answer that it does not know the question.
    roles = tuple(_ROLES[queue] for queue in said.get("queues", ()) if queue in _ROLES)
    ahead_s = clock_ahead_s(said.get("time", between[0]), *between)
    return WorkerNode(name, roles, said.get("configuration") != expected, ahead_s)


def clock_ahead_s(told: float, asked_at: float, answered_at: float) -> float:
    """How far a clock is ahead that told its time between two moments of ours; 0: maybe not."""
    return told - min(max(told, asked_at), answered_at)
