"""The parts of a cut-over: what the time was spent on in which writes were refused, or waited.

They follow one another without a gap, from the moment at which writes began to wait, so their sum
is that time. All but one end with a stage: the proof ends together with the verification.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.domain.stages import Stage


class Part(StrEnum):
    """In the order in which they come."""

    LOCK = "lock"  # move: the rename waits for its locks, and happens; alter: until it waits
    DRAIN = "drain"
    VERIFY = "verify"
    PROOF = "proof"
    SWAP = "swap"  # alter, and the way back of a move
    HOOK = "hook"  # move only: all that comes after the proof, until the application was told
    RESTORE = "restore"  # of an attempt that did not succeed


_ENDS_WITH = {
    Stage.BLOCKING: Part.LOCK,
    Stage.DRAINING: Part.DRAIN,
    Stage.VERIFYING: Part.VERIFY,
    Stage.SWAPPING: Part.SWAP,
    Stage.SWITCHING: Part.HOOK,
    Stage.RESTORING: Part.RESTORE,
}


def part_ended(old: Stage, new: Stage) -> Part | None:
    """The part that ends when a migration goes from stage `old` to `new`, if writes are blocked."""
    if old is Stage.VERIFYING and new in (Stage.SWAPPING, Stage.SWITCHING):
        return Part.PROOF
    return _ENDS_WITH.get(old)


@dataclass(frozen=True)
class PartTime:
    """How long one part took, in milliseconds."""

    part: Part
    ms: float


@dataclass(frozen=True)
class CutOverAttempt:
    """One attempt to cut over, and the parts of it that have ended."""

    attempt: int
    parts: tuple[PartTime, ...]

    @property
    def total_s(self) -> float:
        """For how long writes were refused, or had to wait."""
        return sum(one.ms for one in self.parts) / 1000
