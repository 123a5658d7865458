"""Beat without a broker: one line when it goes and one when it is back, and no tracebacks."""

from __future__ import annotations

import logging
from typing import Any

from celery.beat import Scheduler, SchedulingError

from pipeline.outages import Outages

_outages = Outages(logging.getLogger(__name__))
_NAME = "the broker"


class QuietScheduler(Scheduler):  # type: ignore[misc]
    """Celery's scheduler in memory, which logs an outage once."""

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send what is due; while the broker is away, try less often."""
        if not _outages.is_due(_NAME):
            return
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            _outages.lost(_NAME, error)
        else:
            _outages.back(_NAME)
