"""What is worded differently for a move and for an alter: one table, by kind.

The texts are templates. Their fields are those of `StatusFacts`, and `touched_rows`, a count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.domain.request import MigrationKind
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import Direction


@dataclass(frozen=True)
class KindWords:
    """The wording for one kind of migration."""

    untouched: str  # the source, if nothing has come of it
    done: str
    kept: str  # until clean-up
    left: str  # what an abort leaves until clean-up
    restoring: str
    cutting_over: str  # {waits}: one of `waits`
    waits: Mapping[Stage, str]
    writes: str  # what happened to writes for the time of the cut-over


KIND_WORDS: dict[MigrationKind, KindWords] = {
    MigrationKind.MOVE: KindWords(
        untouched="{source} has its tables",
        done="the tables live on {target}",
        kept="{source} keeps the old ones",
        left="what was copied to {target} is still there",
        restoring="{source} gets its tables back",
        cutting_over=(
            "the switch; waiting for {waits}; writes have been refused for {refused_s:.1f} s,"
            " after {refused_limit_s:g} s {source} gets its tables back"
        ),
        waits={
            Stage.BLOCKING: "the source's tables to be renamed",
            Stage.DRAINING: "{target} to have the source's last changes",
            Stage.VERIFYING: "{touched_rows} to be verified",
        },
        writes="were refused",
    ),
    MigrationKind.ALTER: KindWords(
        untouched="the table is as it was",
        done="the table is rebuilt",
        kept="{source} keeps the old one",
        left="only the migration's records are left",
        restoring="the table is unlocked",
        cutting_over="the swap; waiting for {waits}; writes to the table wait too",
        waits={
            Stage.BLOCKING: "a lock on the table",
            Stage.DRAINING: "the shadow to have the table's last changes",
            Stage.VERIFYING: "the last changed rows to be verified",
            Stage.SWAPPING: "the rename",
        },
        writes="had to wait",
    ),
}
_ALTER = KIND_WORDS[MigrationKind.ALTER]
# A move back is worded as any move is.
_BACK = {
    MigrationKind.ALTER: replace(
        _ALTER,
        untouched="the changed table stays in use",
        done="the table is the old one again",
        kept="{source} keeps the changed one",
        waits={**_ALTER.waits, Stage.DRAINING: "the old table to have the table's last changes"},
    )
}


def words_of(kind: MigrationKind, direction: Direction) -> KindWords:
    back = direction is Direction.BACK
    return _BACK.get(kind, KIND_WORDS[kind]) if back else KIND_WORDS[kind]
