"""All the time in which writes are blocked belongs to a part of the cut-over."""

from __future__ import annotations

from pipeline.domain.cut_over_parts import CutOverAttempt, Part, PartTime, part_ended
from pipeline.domain.stages import RULES, WRITES_BLOCKED, Stage


def test_no_stage_in_which_writes_are_blocked_goes_unaccounted() -> None:
    ways = [(old, new) for old in WRITES_BLOCKED for new in RULES[old].follows]
    assert ways
    assert all(part_ended(old, new) is not None for old, new in ways)


def test_only_the_proof_takes_a_migration_out_of_verification_for_good() -> None:
    assert part_ended(Stage.VERIFYING, Stage.SWITCHING) is Part.PROOF
    assert part_ended(Stage.VERIFYING, Stage.SWAPPING) is Part.PROOF
    assert part_ended(Stage.VERIFYING, Stage.RESTORING) is Part.VERIFY


def test_the_parts_add_up_to_the_time_that_writes_were_refused() -> None:
    attempt = CutOverAttempt(1, (PartTime(Part.LOCK, 20), PartTime(Part.DRAIN, 480)))
    assert attempt.total_s == 0.5
