"""Sets up the log of every process of ours: what is left out, and how lines look (log_lines.py).

Celery decides where to write, and from which level on.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

from celery.exceptions import CPendingDeprecationWarning
from celery.signals import after_setup_logger, after_setup_task_logger

from pipeline.configuration.settings import LogFormat

# They log each message, several times a second; our own lines say the same, better.
_CHATTY = (
    "celery.beat", "celery.worker.strategy", "celery.worker.request", "celery.app.trace",
)  # fmt: skip
_CONSUMER = "celery.worker.consumer.consumer"
_CONNECTION = "celery.worker.consumer.connection"
# Flower tries again and again, says each time what it could not ask, and not when it could.
_FLOWER = ("flower.events", "flower.inspector")
_SELDOM_S = 600.0
_COMING = CPendingDeprecationWarning.__name__  # of Celery's next version, at each lost connection


class BrokerOnce:
    """Lets one line pass when the broker goes, until the worker is connected again.

    Celery tries again by itself, less and less often.
    """

    def __init__(self) -> None:
        self._away = False

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == _CONNECTION and "Connected to" in record.getMessage():
            self._away = False
            return True
        if record.levelno >= logging.WARNING and "onnect" in record.getMessage():
            first, self._away = not self._away, True
            return first
        return not self._away


class Seldom:
    """Lets a warning pass once in ten minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._passed_at = clock, -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        if self._clock() - self._passed_at < _SELDOM_S:
            return False
        self._passed_at = self._clock()
        return True


def install(wanted: LogFormat) -> None:
    """Make Celery's loggers, and ours among them, write that format."""

    def use(logger: logging.Logger, **_: Any) -> None:
        # Only here, in a process that writes a log: a command that sends a message writes none.
        from workers.log_lines import formatter

        for handler in logger.handlers:
            handler.setFormatter(formatter(wanted))

    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    once = BrokerOnce()
    for name in (_CONSUMER, _CONNECTION):
        logging.getLogger(name).addFilter(once)
    for name in _FLOWER:
        logging.getLogger(name).addFilter(Seldom())
    logging.getLogger("py.warnings").addFilter(lambda record: _COMING not in record.getMessage())
    after_setup_logger.connect(use, weak=False)
    after_setup_task_logger.connect(use, weak=False)
