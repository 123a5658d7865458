"""The hooks around a cut-over: one holds it back, the other is told until it has heard."""

from __future__ import annotations

import pytest

from pipeline.cutover import finish
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError
from tests.support.cut_overs import ReadyMove
from tests.support.moves import read, story


def test_a_before_cut_over_hook_that_fails_leaves_the_source_as_it_was(move: ReadyMove) -> None:
    move.hooks.fail("before-cut-over")
    move.coordinators.until_true(lambda: read(move.pools, move.id).postponed)
    assert move.coordinators.stage is Stage.READY
    assert "hook before-cut-over exited 1: told to fail" in story(move.pools, move.id)
    assert move.in_place
    move.hooks.fail("before-cut-over", yes=False)
    move.allow()
    move.ends_done()
    assert move.hooks.attempts("before-cut-over") == [1, 2]


def test_an_on_success_hook_that_fails_is_told_again_until_it_has_heard(move: ReadyMove) -> None:
    move.hooks.fail("on-success")
    move.coordinators.until_true(lambda: len(move.hooks.attempts("on-success")) >= 2)
    assert move.coordinators.stage is Stage.SWITCHING
    assert not move.in_place  # the target is the truth, told or not
    move.hooks.fail("on-success", yes=False)
    move.ends_done()
    attempts = move.hooks.attempts("on-success")
    assert attempts == list(range(1, len(attempts) + 1))


def test_a_crash_right_after_the_hook_does_not_leave_writes_refused(
    move: ReadyMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_told = finish._note_told
    calls: list[object] = []

    def crash_once(*args: object, **options: object) -> None:
        calls.append(args)
        if len(calls) == 1:
            raise RetryableError("The coordinator is gone.")
        note_told(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(finish, "_note_told", crash_once)
    move.ends_done()
    assert read(move.pools, move.id).blocked_at is None
    assert move.hooks.attempts("on-success") == [1]
