"""A step that takes longer than the lease keeps it, unless the application waits for its end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.cutover import shared
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from pipeline.step.context import Context
from pipeline.step.dispatch import send_verifications
from tests.support.coordinators import Coordinators, hurried
from tests.support.cut_overs import ReadyMove
from tests.support.moves import SOURCE, begin_move, story
from tests.support.once import once


def test_a_coordinator_never_leaves_refused_writes_because_its_hook_took_long(
    move: ReadyMove,
) -> None:
    """Nobody might come soon: what a call has already taken must not count."""
    with at(Point.INTENT_WRITTEN, lambda: time.sleep(0.2)):  # twice the budget of a call
        move.coordinators.until_true(lambda: move.coordinators.stage is not Stage.READY)
    assert move.coordinators.stage is Stage.DONE


_WAITING_HOOK = """
import os, pathlib, sys, time
if os.environ["TRANSHIP_HOOK"] != "before-cut-over":
    sys.exit(0)
sent = pathlib.Path({sent!r})
sent.unlink(missing_ok=True)
for _ in range(100):
    time.sleep(0.05)
    if sent.exists():
        sys.exit(0)
sys.exit("nothing was verified while it ran")
"""


def test_what_is_written_while_a_hook_runs_is_verified_before_writes_are_refused(
    move: ReadyMove, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a long hook on a busy table leaves more to verify than an attempt has time for."""
    sent = tmp_path / "sent"

    def send(context: Context) -> None:
        send_verifications(context)
        sent.touch()

    monkeypatch.setattr(shared, "send_verifications", send)
    (tmp_path / "hook.py").write_text(_WAITING_HOOK.format(sent=str(sent)))
    move.coordinators.until_true(lambda: move.coordinators.stage is not Stage.READY)
    assert "before-cut-over (attempt 1) exited 0" in story(move.pools, move.id)


def outlast_the_lease(coordinators: Coordinators) -> None:
    time.sleep(2 * coordinators.pools.settings.timeouts.lease_s)


def test_two_coordinators_never_replace_each_other_because_a_step_takes_long(
    pools: Pools, schema: str
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    others = list[Stage | None]()
    with hurried(pools) as quick:
        coordinators = Coordinators(quick, begin_move(pools, schema, ["t"]))

        def take_long() -> None:
            outlast_the_lease(coordinators)
            others.append(coordinators.once("another"))

        with at(Point.DDL_NOTED, once(take_long)):
            coordinators.once("first")
    assert others == [None]
    assert coordinators.stage is not Stage.PREPARING


def test_a_coordinator_that_hangs_while_writes_are_refused_is_replaced(move: ReadyMove) -> None:
    def hang() -> None:
        outlast_the_lease(move.coordinators)
        move.coordinators.until(Stage.DONE)

    with at(Point.DRAINING, once(hang)):
        move.coordinators.until(Stage.DONE)
    move.ends_done()
