"""What a person is told is what happens: one transaction decides."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.commands import control, settings
from pipeline.commands.resume import Changes, resume
from pipeline.control.migrations import record_failure
from pipeline.cutover import shared
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.pausepoints import Point, at
from pipeline.status import progress as status
from pipeline.status.progress import read_progress
from pipeline.step.context import Context
from tests.support.alters import SERVER
from tests.support.cut_overs import ReadyAlter, ReadyMove
from tests.support.moves import TARGET, read, story
from tests.support.once import once


def test_an_abort_that_is_accepted_right_before_the_proof_aborts(move: ReadyMove) -> None:
    with at(Point.VERIFYING, once(lambda: control.abort(move.pools, TARGET, move.id, "test"))):
        move.ends_as_it_began(Stage.ABORTED)


def test_an_abort_that_is_accepted_right_before_the_swap_aborts(alter: ReadyAlter) -> None:
    with at(Point.VERIFYING, once(lambda: control.abort(alter.pools, SERVER, alter.id, "test"))):
        alter.ends_as_it_began(Stage.ABORTED)


def test_no_abort_is_accepted_while_the_swap_may_happen(alter: ReadyAlter) -> None:
    def abort() -> None:
        with pytest.raises(RefusedError, match="is swapping"):
            control.abort(alter.pools, SERVER, alter.id, "test")

    with at(Point.PROVED, abort):
        alter.ends_done()


def test_an_abort_that_is_accepted_on_the_way_to_a_failure_aborts(move: ReadyMove) -> None:
    move.coordinators.killed_at(Point.VERIFYING)
    move.fail("the disk is full")
    with at(Point.DDL_NOTED, once(lambda: control.abort(move.pools, TARGET, move.id, "test"))):
        move.ends_as_it_began(Stage.ABORTED)


def test_no_postponement_is_accepted_once_writes_are_refused(move: ReadyMove) -> None:
    def postpone() -> None:
        with pytest.raises(RefusedError, match="is blocking"):
            control.postpone(move.pools, TARGET, move.id, "test")

    with at(Point.INTENT_WRITTEN, postpone):
        move.ends_done()


def test_no_cut_over_is_allowed_while_an_attempt_is_being_undone(move: ReadyMove) -> None:
    """The end of the last attempt postpones the cut-over, whoever has just allowed it."""

    def cut_over() -> None:
        with pytest.raises(RefusedError, match=r"is restoring.* an attempt"):
            control.cut_over(move.pools, TARGET, move.id, "test")

    move.coordinators.killed_at(Point.VERIFYING)
    move.fail("the disk is full")
    with at(Point.DDL_NOTED, cut_over):
        move.ends_as_it_began(Stage.FAILED)


def test_no_resume_is_accepted_on_the_way_to_a_failure_and_what_holds_it_up_is_told(
    move: ReadyMove,
) -> None:
    """The failure would be forgotten, and it would fail all the same: no resume was possible."""
    move.coordinators.killed_at(Point.VERIFYING)
    move.fail("the disk is full")
    move.rename_on_source("_one_del", "one")  # by hand, and only one of two
    move.coordinators.until_true(lambda: "retired names" in story(move.pools, move.id))
    move.coordinators.once()
    assert story(move.pools, move.id).count("retired names") == 1
    assert "one are in place" in read_progress(move.pools, TARGET, move.id).next
    with pytest.raises(RefusedError, match="is restoring"):
        resume(move.pools, TARGET, move.id, "test")
    move.rename_on_source("one", "_one_del")
    move.ends_as_it_began(Stage.FAILED)
    assert read(move.pools, move.id).failure == Failure(Role.STREAM, "the disk is full", "")
    resume(move.pools, TARGET, move.id, "test")
    assert read(move.pools, move.id).stage is Stage.READY


def test_what_one_person_sets_is_not_undone_by_what_another_one_does(
    move: ReadyMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`set way_back` takes its time, with preflight, between the question and the record."""
    checks = settings.run_preflight

    def meanwhile(*of: Any) -> Any:
        resume(move.pools, TARGET, move.id, "test", Changes(skip=[Hook.ON_SUCCESS]))
        return checks(*of)

    monkeypatch.setattr(settings, "run_preflight", meanwhile)
    settings.change(move.pools, TARGET, move.id, "way_back", "2h", "test")
    request = read(move.pools, move.id).request
    assert (request.way_back_s, Hook.ON_SUCCESS in request.hooks) == (7200, False)


def test_a_way_back_that_is_asked_for_too_late_is_refused(move: ReadyMove) -> None:
    def ask() -> None:
        with pytest.raises(RefusedError, match="too late to set way_back"):
            settings.change(move.pools, TARGET, move.id, "way_back", "2h", "test")

    with at(Point.RENAMED, ask):
        move.ends_done()


def test_a_way_back_that_is_asked_for_right_before_the_rename_is_prepared(
    move: ReadyMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = shared.prepare_way_back

    def and_then_ask(context: Context) -> None:
        prepare(context)
        monkeypatch.setattr(shared, "prepare_way_back", prepare)
        settings.change(move.pools, TARGET, move.id, "way_back", "2h", "test")

    monkeypatch.setattr(shared, "prepare_way_back", and_then_ask)
    move.coordinators.until(Stage.DONE)
    assert "open until" in story(move.pools, move.id)


def test_nothing_is_set_for_what_is_being_aborted(move: ReadyMove) -> None:
    control.abort(move.pools, TARGET, move.id, "test")
    with pytest.raises(RefusedError, match="is being aborted; nothing can be set"):
        settings.change(move.pools, TARGET, move.id, "nice_ratio", "1", "test")


def test_what_has_not_failed_is_not_resumed(move: ReadyMove) -> None:
    before = story(move.pools, move.id)
    with pytest.raises(RefusedError, match="has not failed"):
        resume(move.pools, TARGET, move.id, "test")
    assert story(move.pools, move.id) == before


def test_what_is_not_throttled_by_hand_is_not_let_go(move: ReadyMove) -> None:
    with pytest.raises(RefusedError, match="not throttled by hand"):
        control.unthrottle(move.pools, TARGET, move.id, "test")


@pytest.mark.parametrize("how", ["skipped", "replaced"])
def test_an_on_success_hook_that_can_only_fail_ends_when_a_person_says_so(
    move: ReadyMove, how: str
) -> None:
    move.hooks.fail("on-success")
    move.coordinators.until_true(lambda: len(move.hooks.attempts("on-success")) >= 2)
    progress = read_progress(move.pools, TARGET, move.id)
    assert progress.hook_failure == "on-success exited 1: told to fail"
    assert progress.command == f"tranship resume {move.id} --skip-hook on-success"
    skip = Changes(skip=[Hook.ON_SUCCESS])
    changes = skip if how == "skipped" else Changes(hooks={Hook.ON_SUCCESS: "true"})
    resume(move.pools, TARGET, move.id, "test", changes)
    move.coordinators.until(Stage.DONE)
    assert f"hook on-success is {how}" in story(move.pools, move.id)
    assert read_progress(move.pools, TARGET, move.id).hook_failure is None


def test_no_failure_bars_a_resume_where_the_target_is_the_truth(move: ReadyMove) -> None:
    """No abort is possible there: the hook could neither be skipped nor replaced."""
    move.hooks.fail("on-success")
    move.coordinators.until(Stage.SWITCHING)
    move.fail("the source has lost transactions", resumable=False)
    assert read(move.pools, move.id).failure is None  # no matter of the stream's any more
    with move.pools.begin(TARGET) as link:
        record_failure(link, move.id, Failure(Role.COORDINATE, "why", "", resumable=False))
    resume(move.pools, TARGET, move.id, "test", Changes(skip=[Hook.ON_SUCCESS]))
    move.coordinators.until(Stage.DONE)


def test_a_failure_that_only_a_new_migration_helps_is_not_resumed(move: ReadyMove) -> None:
    move.fail("somebody has changed the table", resumable=False)
    move.coordinators.until(Stage.FAILED)
    assert read_progress(move.pools, TARGET, move.id).command == f"tranship abort {move.id}"
    with pytest.raises(RefusedError, match="can't be resumed"):
        resume(move.pools, TARGET, move.id, "test")
    assert read(move.pools, move.id).stage is Stage.FAILED


def test_status_never_misses_a_streamer_that_the_proof_has_just_ended(
    move: ReadyMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage is read before the stream: what is committed in between belongs to neither."""
    first = status.read_tables

    def until_proved(*of: Any) -> Any:
        monkeypatch.setattr(status, "read_tables", first)
        found = first(*of)
        move.coordinators.until(Stage.SWITCHING)
        return found

    move.hooks.fail("on-success")
    move.coordinators.killed_at(Point.DRAINING)
    monkeypatch.setattr(status, "read_tables", until_proved)
    assert "no streamer is running" not in read_progress(move.pools, TARGET, move.id).next
