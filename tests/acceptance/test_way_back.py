"""Three tables under four writers go forward, back and forward again: each write is there once.

The witness is a journal of what the servers have acknowledged, beside the comparison of both sides:
the two could agree on a loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands import control
from pipeline.commands.way_back import roll_back
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import way_back_id
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.hooks import Hooks
from tests.support.journal import Journal
from tests.support.moves import SOURCE, TARGET, begin_move, wait_for, wait_until
from tests.support.selection import some
from tests.support.stack import Stack
from tests.support.workload import TABLES, Workload, create_tables, differences

ROWS = 500
_PAUSE_S = 0.01  # each stage waits for writes, and not for many at a time


@dataclass
class Application:
    """Four writers and a journal, which write where the last hook has sent them."""

    connect: Connect
    hooks: Hooks
    server: str = SOURCE

    def connected(self) -> Any:
        self.server = self.hooks.writes_to or self.server
        return self.connect(self.server)


def writes_arrive(writers: Workload, journal: Journal) -> Callable[[], bool]:
    """Whether both have written since now."""
    commits, version = writers.commits, max(journal.acknowledged.values(), default=0)
    return lambda: (
        writers.commits > commits + 50 and max(journal.acknowledged.values()) > version + 20
    )


@pytest.mark.parametrize("seed", some(range(20), 1, 2))
def test_forward_back_and_forward_again_each_acknowledged_write_is_there_once(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, tmp_path: Path, seed: int
) -> None:
    create_tables(connect(), schema, ROWS)
    hooks, logs = Hooks(tmp_path), shared_stack.logs
    application = Application(connect, hooks)
    writers = Workload(
        application.connected, schema, ROWS, seed, stop_at_refusal=False, pause_s=_PAUSE_S
    ).start()
    journal = Journal(application.connected, schema).start()
    moved = begin_move(pools, schema, TABLES, hooks=hooks.commands, way_back_s=600)
    wait_for(pools, moved, Stage.DONE, logs=logs)
    back, forth = way_back_id(moved), way_back_id(way_back_id(moved))
    wait_until(writes_arrive(writers, journal), "no writes on the new server")

    roll_back(pools, TARGET, moved, "test")
    wait_for(pools, back, Stage.DONE, logs=logs, target=SOURCE)
    wait_until(writes_arrive(writers, journal), "no writes on the old server")

    roll_back(pools, SOURCE, back, "test")
    wait_for(pools, forth, Stage.DONE, logs=logs)
    wait_until(writes_arrive(writers, journal), "no writes on the new server")
    journal.stop()
    writers.stop()

    assert application.server == TARGET
    assert journal.broken(connect(TARGET)) == []
    last = way_back_id(forth)  # it has brought everything to the old tables, too
    names = [(f"{schema}._{name}_del", f"{schema}.{name}") for name in TABLES]
    wait_until(
        lambda: not any(differences(connect(SOURCE), connect(TARGET), one) for one in names),
        "the old tables are not what the new ones are",
        limit_s=20,
    )
    control.abort(pools, SOURCE, last, "test")
    wait_for(pools, last, Stage.ABORTED, logs=logs, target=SOURCE)
