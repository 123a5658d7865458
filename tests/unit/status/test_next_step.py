"""Situation → the sentence that a person reads first, and the command that is useful now.

What is missing comes before what is going on: `status` is read when a migration stands still.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.domain.migration import Failure, RunningSearch
from pipeline.domain.processes import Processes, WorkerNode
from pipeline.domain.reading import Reading, Signal, asked_for_by
from pipeline.domain.request import MigrationKind
from pipeline.domain.role import Role
from pipeline.domain.stages import WRITES_BLOCKED, Stage, wants_stream
from pipeline.domain.way_back import Direction
from pipeline.status.next_step import StatusFacts, next_step
from pipeline.status.way_back import WayBackProgress

MOVE = StatusFacts(
    id="m1", kind=MigrationKind.MOVE, source="old", target="new", stage=Stage.COPYING,
    after_restore=None, postponed=False, window=None, failure=None, hook_failure=None,
    throttled=(), gives_way=False, chunks_left=0,
    planned=True, unverified=0, indexes_left=0, touched=0, touched_s=0.0, touched_limit_s=1.0,
    waiting_s=0.0,
    lag_s=0.0, lag_limit_s=5.0, verify_lag_s=6.0, stream_alive=True, coordinated_s_ago=0.5,
    stage_s=60.0, retry_s=0.0, refused_s=0.0, refused_limit_s=30.0,
)  # fmt: skip
ALTER = replace(MOVE, kind=MigrationKind.ALTER, source="new")
WATCH = "tranship status m1 --watch"
FAILURE = Failure(Role.STREAM, "The binary log is gone.", "Start again.")
SEARCH = RunningSearch("new", datetime.now(UTC), datetime.now(UTC), 1234, 56789)
LAG = Reading(Signal.REPLICA_LAG, 12, 10, server="replica-1")
LAG_TEXT = "lag of replica-1 is 12 s, the limit 10 s"
BLOCKED = {"refused_s": 1.26, "refused_limit_s": 30}
REFUSED = "writes have been refused for 1.3 s, after 30 s old gets its tables back"

SENTENCES: list[tuple[StatusFacts, Stage, dict[str, Any], str]] = [
    (MOVE, Stage.PREPARING, {}, "copying; waiting for the target's tables to be created"),
    (MOVE, Stage.COPYING, {"chunks_left": 1}, "verification; waiting for 1 chunk to be copied"),
    (
        MOVE, Stage.COPYING, {"chunks_left": 1234, "planned": False},
        "verification; waiting for 1,234 chunks to be copied and more to be planned",
    ),
    (
        MOVE, Stage.CONVERGING, {"unverified": 2, "touched": 9},
        "cut-over; waiting for 2 chunks to be verified",
    ),
    (
        MOVE, Stage.CONVERGING, {"unverified": 2, "indexes_left": 6},
        "cut-over; waiting for 2 chunks to be verified and 6 deferred indexes to be added",
    ),
    (
        MOVE, Stage.CONVERGING, {"indexes_left": 1, "touched": 12345},
        "cut-over; waiting for 1 deferred index to be added",
    ),
    (
        MOVE, Stage.CONVERGING, {"touched": 12345, "touched_s": 1.24},
        "cut-over; 12,345 changed rows to verify again, 1.2 s of work; waiting for no more than"
        " 1 s",
    ),
    (
        MOVE, Stage.CONVERGING, {"touched": 1, "postponed": True},
        "ready, then held back because it is postponed; 1 changed row to verify again, 0.0 s"
        " of work; waiting for no more than 1 s",
    ),
    (
        MOVE, Stage.CONVERGING, {"unverified": 2, "lag_s": 6.0},
        "cut-over; waiting for 2 chunks to be verified",
    ),
    (
        MOVE, Stage.CONVERGING, {"unverified": 2, "lag_s": 7.5},
        "cut-over; waiting for 2 chunks to be verified; nothing is verified before the lag (7.5 s)"
        " is under 6 s",
    ),
    (
        MOVE, Stage.CONVERGING, {"touched": 1, "lag_s": 7.5},
        "cut-over; 1 changed row to verify again, 0.0 s of work; waiting for no more than 1 s;"
        " nothing is verified before the lag (7.5 s) is under 6 s",
    ),
    (
        MOVE, Stage.READY, {"postponed": True, "window": "02:00-04:00", "retry_s": 3},
        "cut-over; it is postponed and waits for you to allow it",
    ),
    (
        MOVE, Stage.READY, {"window": "02:00-04:00", "retry_s": 3},
        "cut-over; waiting for its window, 02:00-04:00",
    ),
    (MOVE, Stage.READY, {"retry_s": 3, "lag_s": 9}, "cut-over; the next attempt is in 3 s"),
    (
        MOVE, Stage.READY, {"lag_s": 9, "touched": 7},
        "cut-over; waiting for the lag (9.0 s) to be under 5 s",
    ),
    (MOVE, Stage.READY, {"touched": 7}, "cut-over; 7 changed rows left to verify again"),
    (
        MOVE, Stage.READY, {"touched": 7, "log_search": SEARCH},
        "cut-over; the binary log of new is searched for what others have written:"
        " 1,234 of 56,789 transactions",
    ),
    (
        MOVE, Stage.BLOCKING, BLOCKED,
        f"the switch; waiting for the source's tables to be renamed; {REFUSED}",
    ),
    (
        MOVE, Stage.DRAINING, BLOCKED,
        f"the switch; waiting for new to have the source's last changes; {REFUSED}",
    ),
    (
        MOVE, Stage.VERIFYING, {"touched": 3, **BLOCKED},
        f"the switch; waiting for 3 changed rows to be verified; {REFUSED}",
    ),
    (
        ALTER, Stage.BLOCKING, BLOCKED,
        "the swap; waiting for a lock on the table; writes to the table wait too",
    ),
    (
        ALTER, Stage.DRAINING, BLOCKED,
        "the swap; waiting for the shadow to have the table's last changes;"
        " writes to the table wait too",
    ),
    (
        ALTER, Stage.VERIFYING, BLOCKED,
        "the swap; waiting for the last changed rows to be verified; writes to the table wait too",
    ),
    (
        ALTER, Stage.SWAPPING, BLOCKED,
        "the swap; waiting for the rename; writes to the table wait too",
    ),
    (MOVE, Stage.SWITCHING, {}, "done; waiting for the hook on-success to succeed"),
    (
        MOVE, Stage.SWITCHING, {"log_search": SEARCH},
        "done; the cut-over is complete; the binary log of new is searched for what others have"
        " written: 1,234 of 56,789 transactions",
    ),
    (
        ALTER, Stage.SWITCHING, {"retry_s": 8},
        "done; waiting for the hook on-success to succeed, again in 8 s",
    ),
    (MOVE, Stage.RESTORING, {}, "old gets its tables back"),
    (
        MOVE, Stage.RESTORING, {"after_restore": Stage.FAILED, "failure": FAILURE},
        "old gets its tables back, then: failed (The binary log is gone.)",
    ),
    (
        ALTER, Stage.RESTORING, {"after_restore": Stage.READY},
        "the table is unlocked, then: ready",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("now", "stage", "facts", "sentence"), SENTENCES)
def test_what_is_going_on(
    now: StatusFacts, stage: Stage, facts: dict[str, Any], sentence: str
) -> None:
    said = next_step(replace(now, stage=stage, **facts))
    assert said.sentence == sentence
    postponed = stage is Stage.READY and facts.get("postponed")
    assert said.command == ("tranship cut-over m1" if postponed else WATCH)


ENDS = [
    (
        MOVE, Stage.DONE, "nothing: the tables live on new; old keeps the old ones until clean-up",
        "clean-up",
    ),
    (
        ALTER, Stage.DONE, "nothing: the table is rebuilt; new keeps the old one until clean-up",
        "clean-up",
    ),
    (
        MOVE, Stage.ABORTED,
        "nothing: old has its tables; what was copied to new is still there", "clean-up",
    ),
    (
        ALTER, Stage.ABORTED,
        "nothing: the table is as it was; only the migration's records are left", "clean-up",
    ),
    (
        MOVE, Stage.FAILED,
        "nothing by itself: old has its tables; fix the cause, then resume; or abort", "resume",
    ),
    (
        ALTER, Stage.FAILED,
        "nothing by itself: the table is as it was; fix the cause, then resume; or abort",
        "resume",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("now", "stage", "sentence", "command"), ENDS)
def test_what_is_left_to_do_at_the_end(
    now: StatusFacts, stage: Stage, sentence: str, command: str
) -> None:
    # Nobody coordinates it any more, and nothing is missing for that.
    ended = replace(now, stage=stage, coordinated_s_ago=None, stream_alive=False, throttled=(LAG,))
    said = next_step(ended)
    assert said.sentence == sentence
    assert said.command == f"tranship {command} m1"


@pytest.mark.parametrize(
    ("now", "stage", "sentence"),
    [
        (MOVE, Stage.DONE, "nothing: the tables live on new; it is cleaned up"),
        (ALTER, Stage.DONE, "nothing: the table is rebuilt; it is cleaned up"),
        (MOVE, Stage.ABORTED, "nothing: old has its tables; it is cleaned up"),
    ],
)
def test_what_is_cleaned_up_keeps_nothing_to_clean_up(
    now: StatusFacts, stage: Stage, sentence: str
) -> None:
    said = next_step(replace(now, stage=stage, cleaned_up=True))
    assert (said.sentence, said.command) == (sentence, "tranship events m1")


def test_every_stage_has_its_sentence_and_those_that_differ_have_two() -> None:
    told = {(now.kind, stage) for now, stage, *_ in (*SENTENCES, *ENDS)}
    of_a_move = set(Stage) - {Stage.SWAPPING}
    of_an_alter = WRITES_BLOCKED | {Stage.DONE, Stage.ABORTED, Stage.FAILED}
    assert {(MigrationKind.MOVE, stage) for stage in of_a_move} <= told
    assert {(MigrationKind.ALTER, stage) for stage in of_an_alter} <= told


@pytest.mark.parametrize("now", [MOVE, ALTER])
@pytest.mark.parametrize("stage", Stage)
def test_no_stage_is_without_a_sentence(now: StatusFacts, stage: Stage) -> None:
    if (now.kind, stage) != (MigrationKind.MOVE, Stage.SWAPPING):  # a stage of alters alone
        assert next_step(replace(now, stage=stage)).sentence


GOING_ON = [stage for stage in Stage if stage not in (Stage.DONE, Stage.ABORTED, Stage.FAILED)]


def of(stage: Stage) -> StatusFacts:
    return replace(ALTER if stage is Stage.SWAPPING else MOVE, stage=stage)


@pytest.mark.parametrize("stage", GOING_ON)
def test_a_missing_coordinator_comes_before_everything_else(stage: Stage) -> None:
    now = replace(of(stage), stream_alive=False, waiting_s=99, throttled=(LAG,))
    said = next_step(replace(now, coordinated_s_ago=12.0))
    assert said.sentence == (
        "no coordinator has been active for 12 s: start one with tranship worker coordinate"
    )
    assert said.command == "tranship worker coordinate"
    said = next_step(replace(now, coordinated_s_ago=None))
    assert said.sentence.startswith("no coordinator has been active: start one")


@pytest.mark.parametrize("stage", GOING_ON)
def test_a_missing_streamer_is_named_where_one_is_wanted(stage: Stage) -> None:
    said = next_step(replace(of(stage), stream_alive=False, throttled=(LAG,)))
    named = said.sentence == "no streamer is running: start one with tranship worker stream"
    assert named is wants_stream(stage)
    assert (said.command == "tranship worker stream") is named


def test_messages_that_nobody_takes_name_the_worker_that_would() -> None:
    assert next_step(replace(MOVE, waiting_s=15)).command == WATCH
    said = next_step(replace(MOVE, waiting_s=16))
    assert said.sentence == (
        "no copy worker has taken a message for 16 s: start one with tranship worker copy"
    )
    assert said.command == "tranship worker copy"


def test_workers_that_pause_for_others_are_not_said_to_be_missing() -> None:
    pausing = replace(MOVE, gives_way=True)
    assert next_step(replace(pausing, waiting_s=40)).command == WATCH
    said = next_step(replace(pausing, waiting_s=61))
    assert "no copy worker has taken a message for 61 s" in said.sentence
    at_once = next_step(replace(pausing, waiting_s=4, processes=COORDINATES))
    assert "no copy worker" in at_once.sentence


def test_what_has_just_begun_lacks_nothing_yet() -> None:
    started = replace(MOVE, stage=Stage.PREPARING, coordinated_s_ago=None, stage_s=9)
    assert next_step(started).command == WATCH
    assert next_step(replace(started, stage_s=10)).command == "tranship worker coordinate"
    copying = replace(MOVE, stream_alive=False, stage_s=2.9)
    assert next_step(copying).command == WATCH
    assert next_step(replace(copying, stage_s=3)).command == "tranship worker stream"


@pytest.mark.parametrize("stage", GOING_ON)
def test_a_throttle_is_named_where_it_holds_something_back(stage: Stage) -> None:
    said = next_step(replace(of(stage), throttled=(LAG,)))
    held_back = said.sentence == f"{stage} goes on once it is no longer throttled: {LAG_TEXT}"
    assert held_back is (stage in (Stage.COPYING, Stage.CONVERGING, Stage.READY))
    assert said.command == WATCH


def test_who_throttled_it_by_hand_is_named_with_the_command_that_ends_it() -> None:
    said = next_step(replace(MOVE, throttled=(LAG, asked_for_by("kim"))))
    assert said.sentence == (
        f"copying goes on once it is no longer throttled: {LAG_TEXT}; asked for by kim"
    )
    assert said.command == "tranship unthrottle m1"


NO_BROKER = Processes(broker_trouble="Connection refused")
COORDINATES = Processes(workers=(WorkerNode("coordinate-1@db1", (Role.COORDINATE,), False),))


@pytest.mark.parametrize("stage", GOING_ON)
def test_a_broker_that_is_away_is_not_taken_for_a_missing_coordinator(stage: Stage) -> None:
    now = replace(of(stage), stream_alive=False, waiting_s=99, processes=NO_BROKER)
    said = next_step(replace(now, coordinated_s_ago=12.0))
    assert said.sentence == (
        "the broker does not answer (Connection refused): start it; the workers then go on by"
        " themselves"
    )
    assert said.command == "tranship doctor"


def test_a_broker_that_only_we_can_not_reach_does_not_stop_the_migration() -> None:
    assert next_step(replace(MOVE, processes=NO_BROKER)).command == WATCH


def test_nobody_is_told_to_start_a_worker_that_runs() -> None:
    said = next_step(replace(MOVE, coordinated_s_ago=12.0, processes=COORDINATES))
    assert said.sentence == (
        "no coordinator has been active for 12 s, though coordinate-1@db1 answers: its log says"
        " why; or restart it"
    )


def test_a_missing_copy_worker_is_named_as_soon_as_a_message_waits() -> None:
    assert next_step(replace(MOVE, waiting_s=2, processes=COORDINATES)).command == WATCH
    said = next_step(replace(MOVE, waiting_s=4, processes=COORDINATES))
    assert said.command == "tranship worker copy"
    assert next_step(replace(MOVE, waiting_s=4)).command == WATCH  # nobody has asked


UNTIL = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
OPEN = WayBackProgress("m2", Direction.BACK, UNTIL, Stage.READY, 0.1, 3, None)


def test_who_can_roll_back_is_told_until_when() -> None:
    done = next_step(replace(MOVE, stage=Stage.DONE, way_back=OPEN))
    assert "it can be rolled back until 2026-11-28 09:30 UTC" in done.sentence
    assert done.command == "tranship roll-back m1"
    ended = next_step(replace(MOVE, stage=Stage.DONE, way_back=replace(OPEN, stage=Stage.ABORTED)))
    assert ended.command == "tranship clean-up m1"


def test_a_way_back_says_that_it_waits_for_nobody() -> None:
    waits = next_step(replace(MOVE, stage=Stage.READY, postponed=True, until=UNTIL))
    assert waits.sentence == "it stands open until 2026-11-28 09:30 UTC, for a roll-back"
    assert waits.command == "tranship roll-back m1"


def test_a_roll_back_that_is_postponed_says_what_lets_it_go() -> None:
    asked = replace(MOVE, stage=Stage.READY, postponed=True, until=UNTIL, roll_back_asked=True)
    assert next_step(asked).command == "tranship cut-over m1"
    done = next_step(replace(MOVE, stage=Stage.DONE, way_back=replace(OPEN, asked=True)))
    assert "a roll-back is asked for" in done.sentence
    assert done.command == "tranship status m2"
