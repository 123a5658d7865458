"""Notes how far the search of a binary log is while it goes on: `status` shows it.

A log of hours takes minutes to read, and before that its server looks for the place to begin at.
What comes next waits for it, so a person has to see for what. In the event log it is only if it
takes long: when that becomes clear, and when it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection

from pipeline.control.leases import Renewal
from pipeline.control.migrations import note_log_search, read_migration
from pipeline.control.schema import read_now
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import RunningSearch
from pipeline.mysql.gtid import GtidSet
from pipeline.step.context import Context
from pipeline.stream.log_search import LogSearch

_EVERY_S = 1.0
_LONG_S = 5.0


@contextmanager
def noted(
    context: Context, server: str, search: LogSearch, executed: GtidSet, *, goes_on: bool = False
) -> Iterator[Callable[[], None]]:
    """Note how far a search of `server`'s log is; yields what it calls again and again meanwhile.

    `goes_on`: if it ends early, a later step goes on with it, and until then it counts as running.
    """
    notes = _Notes(context, server, search, executed)
    yield notes.keep
    notes.note(over=not goes_on or search.has_seen(executed))


class _Notes:
    """What was noted last about a search."""

    def __init__(self, context: Context, server: str, search: LogSearch, executed: GtidSet) -> None:
        self._context, self._search, self._executed = context, search, executed
        self._renewal = Renewal(context.lease, context.renew)
        with context.control() as control:
            self._known = self._begun(control, server)
            note_log_search(control, context.migration.id, self._known)
        self._next_at = time.monotonic() + _EVERY_S

    def _begun(self, control: Connection, server: str) -> RunningSearch:
        before = read_migration(control, self._context.migration.id).log_search
        if before is None or before.server != server:
            now = read_now(control)
            before = RunningSearch(server, now, now, 0, 0)
        return replace(before, total=before.read + self._left)

    @property
    def _left(self) -> int:
        return self._executed.missing_from(self._search.seen)

    def keep(self) -> None:
        """Renew the lease and note how far it is, if it is time to."""
        self._renewal.keep()
        if time.monotonic() >= self._next_at:
            self.note()

    def note(self, *, over: bool = False) -> None:
        before = self._known
        with self._context.control() as control:
            read = before.total - self._left
            self._known = replace(before, at=read_now(control), read=read)
            known = None if over else self._known
            note_log_search(control, self._context.migration.id, known)
            self._tell(control, before, over=over)
        self._next_at = time.monotonic() + _EVERY_S

    def _tell(self, control: Connection, before: RunningSearch, *, over: bool) -> None:
        now, log = self._known, f"the binary log of {before.server}"
        what = None
        if over and _is_long(before):
            what = f"{log} has been searched, in {now.seconds:.0f} s"
        elif not over and _is_long(now) and not _is_long(before):
            left = now.total - now.read
            what = f"{log} is searched for what others have written: {left:,} transactions left"
        if what is not None:
            self._context.note_in(control, EventKind.CUT_OVER, what)


def _is_long(search: RunningSearch) -> bool:
    return search.seconds >= _LONG_S
