"""How the way back of a migration is: for people. It is recorded on the migration's source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from pipeline.control.install import is_installed
from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import find_migration
from pipeline.control.streams import find_stream
from pipeline.control.throttles import read_throttle
from pipeline.control.touched_keys import count_touched
from pipeline.domain.migration import Migration
from pipeline.domain.stages import Stage, wants_stream
from pipeline.domain.way_back import Direction, way_back_id
from pipeline.errors import TranshipError
from pipeline.mysql.pools import Pools
from pipeline.step.lag import source_progress


@dataclass(frozen=True)
class WayBackProgress:
    """The way back. `stage` None: it is not recorded, or its server does not answer (`trouble`).

    While it stands open, `lag_s` and `keys_touched` say how far it is behind.
    """

    id: str
    direction: Direction
    until: datetime | None
    stage: Stage | None
    lag_s: float | None
    keys_touched: int
    trouble: str | None
    asked: bool = False  # somebody has asked for the roll-back, so it does not end at `until`

    @property
    def stands_open(self) -> bool:
        return self.stage in (Stage.CONVERGING, Stage.READY)


def read_way_back(pools: Pools, migration: Migration) -> WayBackProgress | None:
    """None if none was asked for, or it is too early for it."""
    if migration.request.way_back_s is None or migration.way_back_start is None:
        return None
    try:
        with pools.begin(migration.source) as old:
            found = _read(old, migration)
        if found.stage is None or not wants_stream(found.stage):
            return found
        return _with_lag(pools, migration, found)
    except TranshipError as error:
        return _unknown(migration, error.explanation)


def _unknown(migration: Migration, trouble: str | None) -> WayBackProgress:
    direction = migration.request.direction.opposite
    return WayBackProgress(way_back_id(migration.id), direction, None, None, None, 0, trouble)


def _read(old: Connection, migration: Migration) -> WayBackProgress:
    new_id = way_back_id(migration.id)
    installed = is_installed(old, migration.source)
    found = find_migration(old, new_id) if installed else None
    if found is None or found.request.back is None:
        return _unknown(migration, None)
    streams = wants_stream(found.stage)
    tables = read_tables(old, new_id) if streams else []
    return WayBackProgress(
        id=new_id,
        direction=found.request.direction,
        until=found.request.back.until,
        stage=found.stage,
        lag_s=None,
        keys_touched=sum(count_touched(old, table) for table in tables),
        trouble=found.failure.explanation if found.failure else None,
        asked=found.request.back.asked,
    )


def _with_lag(pools: Pools, migration: Migration, found: WayBackProgress) -> WayBackProgress:
    with pools.begin(migration.target) as new:
        there = source_progress(new)
    with pools.begin(migration.source) as old:
        state = find_stream(old, found.id)
        caught_up_at = read_throttle(old, found.id).caught_up_at
    if state is None:
        return found
    return replace(found, lag_s=there.lag_s(state, caught_up_at))
