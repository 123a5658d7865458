"""Refusal window of a move, and time under an alter's lock, while sysbench writes at full speed.

Each move goes the way back of the one before. A cut-over that is not the first attempt of its
migration counts, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ops.dev.bench.lines import Line, at_most, quantile, worst
from ops.dev.bench.refusal import probing, refused_s, waited_s
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import LIMIT_S, Stand
from ops.dev.bench.sysbench import Load, writing
from ops.dev.bench.tables import sysbench_table
from pipeline.domain.stages import Stage

TABLE = sysbench_table(1)
_SETTLE_S = 10.0  # by then the start of sysbench is over


@dataclass(frozen=True)
class _Size:
    """How many rows are cut over how often, and whether they are copied before sysbench starts.

    The copy gives way to writers at full speed: of 10 M rows it would take ten minutes each time.
    """

    rows: int
    each_round: int
    copied_before: bool


_MANY = _Size(1_000_000, each_round=10, copied_before=False)
_LARGE = _Size(10_000_000, each_round=1, copied_before=True)


@dataclass
class CutOvers:
    """What came of a number of cut-overs."""

    ms: list[float] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    failures: int = 0

    def repeat(self, bench: Bench, times: int, once: Callable[[int], tuple[float, int]]) -> None:
        """Cut over so many times; the first failure ends it, since nothing is as it was then."""
        for number in range(1, times + 1):
            try:
                ms, attempts = once(number)
            except SystemExit as error:
                bench.say(f"{number}: {error}")
                self.failures += 1
                return
            self.ms.append(ms)
            self.attempts.append(attempts)
            bench.say(f"{number}: {ms:.0f} ms, attempt {attempts}")

    def lines(self, what: str) -> Iterator[Line]:
        if self.ms:
            yield quantile(f"{what}, p50", "ms", self.ms, 0.5, at_most(150))
            yield quantile(f"{what}, p99", "ms", self.ms, 0.99, at_most(500, aim=300))
            yield worst("cut over at attempt", "", self.attempts, at_most(1))
        yield worst("failures", "", [self.failures], at_most(0))


@contextmanager
def _ready(stand: Stand, load: Load, size: _Size, begin: Callable[[], str]) -> Iterator[str]:
    """A migration that is ready to cut over, while sysbench writes."""
    if size.copied_before:
        migration_id = _begun(stand, begin)
        with writing(stand, load, LIMIT_S):
            time.sleep(_SETTLE_S)
            yield migration_id
    else:
        with writing(stand, load, LIMIT_S):
            yield _begun(stand, begin)


def _begun(stand: Stand, begin: Callable[[], str]) -> str:
    migration_id = begin()
    stand.wait_stage(migration_id, Stage.READY)
    return migration_id


def _move_once(stand: Stand, load: Load, size: _Size) -> tuple[float, int]:
    """Move the table under load; milliseconds of refusal, and the number of attempts."""
    with (
        _ready(stand, load, size, lambda: stand.begin([TABLE.name])) as migration_id,
        probing(stand, TABLE.full_name) as prober,
    ):
        stand.cut_over(migration_id)
        seconds = refused_s(stand, migration_id, prober)
    return 1000 * seconds, finish(stand, migration_id)


def finish(stand: Stand, migration_id: str) -> int:
    """Clean a move up and turn round; returns how many attempts its cut-over took."""
    stand.wait_stage(migration_id, Stage.DONE)
    attempts = stand.migration(migration_id).attempt
    stand.clean_up(migration_id)
    stand.turn_round()
    return attempts


def _moves(bench: Bench, size: _Size) -> Iterator[Line]:
    found, load = CutOvers(), Load(rows=bench.rows(size.rows))
    times = size.each_round * bench.rounds
    with bench.stand() as stand:
        stand.fill(TABLE, load.rows)
        stand.start_workers()
        found.repeat(bench, times, lambda _: _move_once(stand, load, size))
    yield from found.lines("refusal")


def _alters(bench: Bench, size: _Size) -> Iterator[Line]:
    found, load = CutOvers(), Load(rows=bench.rows(size.rows))
    times = size.each_round * bench.rounds
    with bench.stand() as stand:
        stand.fill(TABLE, load.rows)
        stand.start_workers()
        found.repeat(bench, times, lambda number: _alter_once(stand, load, size, number))
    yield from found.lines("longest wait of a write")


def _alter_once(stand: Stand, load: Load, size: _Size, number: int) -> tuple[float, int]:
    def begin() -> str:
        return stand.begin_alter(TABLE.name, f"COMMENT = 'alter {number}'")

    with (
        _ready(stand, load, size, begin) as migration_id,
        probing(stand, TABLE.full_name) as prober,
    ):
        stand.cut_over(migration_id)
        seconds = waited_s(stand, migration_id, prober)
    attempts = stand.migration(migration_id).attempt
    stand.clean_up(migration_id)
    return 1000 * seconds, attempts


WINDOW = Row(
    "window",
    "refusal window of moves of 1 M rows under sysbench oltp_write_only, 4 threads; ten each round",
    lambda bench: _moves(bench, _MANY),
    programs=("sysbench",),
    minutes=35,
)
WINDOW_10M = Row(
    "window-10m",
    "the same with 10 M rows, sysbench from when they are copied and verified; one each round",
    lambda bench: _moves(bench, _LARGE),
    programs=("sysbench",),
    minutes=15,
)
LOCK = Row(
    "lock",
    "writes waiting for alters of 1 M rows under sysbench oltp_write_only; ten each round",
    lambda bench: _alters(bench, _MANY),
    programs=("sysbench",),
    minutes=35,
)
LOCK_10M = Row(
    "lock-10m",
    "the same with 10 M rows, sysbench from when they are copied and verified; one each round",
    lambda bench: _alters(bench, _LARGE),
    programs=("sysbench",),
    minutes=15,
)
