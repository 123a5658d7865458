"""A migration as `status` sees it, without a server."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.domain.reading import Reading
from pipeline.domain.request import MigrationKind
from pipeline.domain.stages import Stage
from pipeline.status.progress import Progress

_NOW = datetime(2020, 1, 1, tzinfo=UTC)


def copying(throttled: tuple[Reading, ...] = ()) -> Progress:
    """A move in the middle of its copy."""
    return Progress(
        id="m1", kind=MigrationKind.MOVE, change=None, source="old", target="new",
        stage=Stage.COPYING, since=_NOW, now=_NOW, created_at=_NOW, created_by="ann@db1",
        tables=(), rows_per_s=0, eta_s=None, stream=None, coordinated_s_ago=None, coordinator=None,
        throttled=throttled, chunks_allowed=None, slowed=False, gives_way=False, postponed=False,
        abort_asked=False, cut_over_attempt=0, refused_s=None, cut_overs=(), failure=None,
        hook_failure=None, alarm=None, events=(), next="", command="",
    )  # fmt: skip
