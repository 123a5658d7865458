"""What a move and an alter are said to do: `status` never breaks for want of a word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.domain.request import MigrationKind
from pipeline.domain.stages import WRITES_BLOCKED, Stage
from pipeline.domain.way_back import Direction
from pipeline.status.kind_words import KIND_WORDS
from pipeline.status.next_step import StatusFacts, next_step

MOVE = StatusFacts(
    id="m1", kind=MigrationKind.MOVE, source="old", target="new", stage=Stage.READY,
    after_restore=Stage.READY, postponed=False, window=None, failure=None, hook_failure=None,
    throttled=(), gives_way=False,
    chunks_left=0, planned=True, unverified=0, indexes_left=0, touched=1, touched_s=0.1,
    touched_limit_s=1.0, waiting_s=0, lag_s=0, lag_limit_s=1, verify_lag_s=1, stream_alive=True,
    coordinated_s_ago=1, stage_s=20,
    retry_s=0, refused_s=1.26, refused_limit_s=30,
)  # fmt: skip
ALTER = replace(MOVE, kind=MigrationKind.ALTER, target="old")
ALTER_BACK = replace(ALTER, direction=Direction.BACK)


@pytest.mark.parametrize(
    ("facts", "stages"),
    [(MOVE, set(Stage) - {Stage.SWAPPING}), (ALTER, set(Stage)), (ALTER_BACK, set(Stage))],
    ids=["move", "alter", "alter back"],
)
def test_no_stage_is_without_words(facts: StatusFacts, stages: set[Stage]) -> None:
    for stage in stages:
        sentence = next_step(replace(facts, stage=stage)).sentence
        assert sentence
        assert "{" not in sentence


def test_no_stage_that_blocks_writes_is_without_what_it_waits_for() -> None:
    waits = set(KIND_WORDS[MigrationKind.ALTER].waits)
    assert waits == WRITES_BLOCKED - {Stage.RESTORING}
    assert set(KIND_WORDS[MigrationKind.MOVE].waits) == waits - {Stage.SWAPPING}


def test_a_name_with_braces_never_breaks_the_sentence() -> None:
    said = next_step(replace(MOVE, stage=Stage.DONE, source="{old}", target="{}")).sentence
    assert said == "nothing: the tables live on {}; {old} keeps the old ones until clean-up"


@pytest.mark.parametrize(("touched", "rows"), [(1, "1 changed row"), (1234, "1,234 changed rows")])
def test_a_move_says_how_much_is_left_while_writes_are_refused(touched: int, rows: str) -> None:
    assert next_step(replace(MOVE, stage=Stage.VERIFYING, touched=touched)).sentence == (
        f"the switch; waiting for {rows} to be verified; writes have been refused for 1.3 s,"
        " after 30 s old gets its tables back"
    )


def test_an_alter_never_says_that_tables_were_renamed() -> None:
    assert next_step(replace(ALTER, stage=Stage.BLOCKING)).sentence == (
        "the swap; waiting for a lock on the table; writes to the table wait too"
    )


def test_a_way_back_that_has_stopped_never_says_that_the_change_was_not_made() -> None:
    said = next_step(replace(ALTER_BACK, stage=Stage.FAILED)).sentence
    assert said.startswith("nothing by itself: the changed table stays in use")
    assert "as it was" not in said
