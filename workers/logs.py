"""Sets up the log of every process of ours: one line per event, as text or as JSON.

What a line is about (migration, table, chunk, stage, epoch) is bound as context variables where
the work begins, and appears on every line written in between, including those of libraries.
structlog renders; Celery decides where to write, and from which level on.
"""

from __future__ import annotations

import logging
from typing import Any

import structlog
from celery.signals import after_setup_logger, after_setup_task_logger
from structlog.stdlib import ProcessorFormatter, add_log_level, add_logger_name

from pipeline.configuration.settings import LogFormat

# They log each message, several times a second; our own lines say the same, better.
_CHATTY = ("celery.beat", "celery.worker.strategy", "celery.app.trace")
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    add_log_level,
    add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def formatter(wanted: LogFormat) -> logging.Formatter:
    """A formatter for any handler of the standard library's logging."""
    # Plain tracebacks: the pretty ones show local variables, and passwords are among them.
    if wanted is LogFormat.JSON:
        last: list[Any] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ]
    else:
        last = [
            structlog.dev.ConsoleRenderer(
                colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    return ProcessorFormatter(
        processors=[ProcessorFormatter.remove_processors_meta, *last], foreign_pre_chain=_SHARED
    )


def install(wanted: LogFormat) -> None:
    """Make Celery's loggers, and ours among them, write that format."""

    def use(logger: logging.Logger, **_: Any) -> None:
        for handler in logger.handlers:
            handler.setFormatter(formatter(wanted))

    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    after_setup_logger.connect(use, weak=False)
    after_setup_task_logger.connect(use, weak=False)
