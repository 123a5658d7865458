"""How far the deferred indexes of a table are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from pipeline.control.index_builds import IndexBuild, find_build
from pipeline.domain.migration import MigrationTable
from pipeline.errors import TranshipError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.indexes import build_share


class BuildState(StrEnum):
    """Whether deferred indexes are there."""

    DEFERRED = "deferred"  # until the rows are there
    BUILDING = "building"
    BUILT = "built"


@dataclass(frozen=True)
class IndexProgress:
    """The deferred indexes of a table. `share` is how much is done, if the server says so."""

    names: tuple[str, ...]
    state: BuildState
    seconds: float  # that it has taken, or took
    share: float | None

    @property
    def deferred(self) -> bool:
        """Whether they still wait for the rows."""
        return self.state is BuildState.DEFERRED


def read_indexes(control: Connection, table: MigrationTable) -> IndexProgress | None:
    """None if no index of the table was deferred."""
    build = find_build(control, table)
    if build is None or not build.indexes:
        return None
    names = tuple(index.name for index in build.indexes)
    return IndexProgress(names, _state(build), build.seconds, _share(control, build))


def _state(build: IndexBuild) -> BuildState:
    if build.built_at is not None:
        return BuildState.BUILT
    return BuildState.DEFERRED if build.began_at is None else BuildState.BUILDING


def _share(control: Connection, build: IndexBuild) -> float | None:
    if build.connection_id is None:
        return None
    with suppress(TranshipError), driver_errors(""):  # our user may not read it
        return build_share(control, build.connection_id)
    return None
