"""The lines of a log: one for each event, as text or as JSON; structlog renders them.

What a line is about (migration, table, chunk, stage, epoch) is bound as context variables where
the work begins, and appears on every line written in between, including those of libraries.
"""

from __future__ import annotations

import logging
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter, add_log_level, add_logger_name

from pipeline.configuration.settings import LogFormat

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
