"""The Celery application: queues, routing, and when messages are acknowledged.

Messages are JSON. They are acknowledged late, so that a worker takes no more than it can work
on. Nothing depends on redelivery: the control schema knows what is not done, and the
coordinator sends it again.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.loaders.app import AppLoader
from celery.signals import worker_init
from kombu.entity import Exchange, Queue

from pipeline.configuration.load import load_settings
from pipeline.configuration.settings import Settings
from pipeline.domain.hook_names import Hook
from tasks import context
from tasks.messages import ADVANCE, ROUTES, TICK
from tasks.queues import CHECKSUM, COORDINATE, COPY, QUEUES
from workers import broker, logs, roll_call

_TASK_LIMIT_S = 600  # hooks apart: longer than that only what hangs takes


class Loader(AppLoader):  # type: ignore[misc]
    """Imports tasks as Python would; Celery would search the working directory first."""

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> Any:
        return self.import_module(module, package=package)


def make_app(settings: Settings) -> Celery:
    """An application that talks to the configured broker."""
    broker.install()
    logs.install(settings.workers.log_format)
    # Before its children are forked, so that all of them have the configuration that it answers
    # the roll call with, also those that are forked after the file has changed.
    worker_init.connect(lambda **_: context.pools(), weak=False)
    # No fix-ups: an application's DJANGO_SETTINGS_MODULE may be in our environment, too.
    app = Celery("tranship", loader=Loader, fixups=[])
    app.conf.update(_configuration(settings))
    # Without -Q: no worker should stream or coordinate unless it is told to.
    app.amqp.queues.select([COPY, CHECKSUM])
    app.set_default()
    return app


def _queue(name: str) -> Queue:
    # The nameless exchange needs no binding in Redis, so a FLUSHALL can't take one away.
    return Queue(name, exchange=Exchange("", type="direct"), routing_key=name)


def _coordinator_limits(settings: Settings) -> dict[str, dict[str, float]]:
    """One call may run several hooks, each for as long as it may take, and cut over."""
    hooks_s = len(Hook) * settings.hooks.limit_s
    limit_s = _TASK_LIMIT_S + hooks_s + settings.cut_over.limit_s
    return {name: {"time_limit": limit_s} for name in (ADVANCE, TICK)}


def _configuration(settings: Settings) -> dict[str, Any]:
    return {
        "broker_url": settings.broker.url.get_secret_value(),
        "broker_transport_options": {"visibility_timeout": settings.broker.visibility_timeout_s},
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "event_serializer": "json",
        "task_queues": [_queue(name) for name in QUEUES],
        "task_routes": {name: {"queue": queue} for name, queue in ROUTES.items()},
        "task_create_missing_queues": False,
        "task_default_queue": COORDINATE,
        "task_default_exchange": "",
        "task_default_routing_key": COORDINATE,
        # Celery's default is shared by every application on the same Redis.
        "control_exchange": roll_call.EXCHANGE,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_time_limit": _TASK_LIMIT_S,
        "task_annotations": _coordinator_limits(settings),
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0.1},
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "imports": (
            "tasks.copy",
            "tasks.checksum",
            "tasks.stream",
            "tasks.coordinate",
            "workers.presence",
        ),
        "beat_schedule": {
            "tick": {
                "task": TICK,
                "schedule": settings.workers.tick_s,
                "options": {"expires": max(2.0, 2 * settings.workers.tick_s)},
            }
        },
        # In memory: the control schema, not a file of beat's, says what is due.
        "beat_scheduler": "workers.beat:QuietScheduler",
        "beat_max_loop_interval": settings.workers.tick_s,
    }


app = make_app(load_settings())
