"""Refusal window of a roll-back, while sysbench writes at full speed.

A roll-back has a way back of its own, so each takes back the one before: only the first is a move.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ops.dev.bench.lines import Line
from ops.dev.bench.refusal import probing, refused_s
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.rows.window import TABLE, CutOvers
from ops.dev.bench.stand import LIMIT_S, WHO, Stand
from ops.dev.bench.sysbench import Load, writing
from pipeline.commands.way_back import roll_back
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import way_back_id

_OPEN_S = 24 * 3600.0  # longer than all of them together


@dataclass
class _ToAndFro:
    """The application's table, and the migration that brought it where it is."""

    stand: Stand
    load: Load
    migration_id: str

    def take_back(self) -> tuple[float, int]:
        """Milliseconds of refusal, and the number of attempts."""
        stand, way_back = self._turn_round()
        with writing(stand, self.load, LIMIT_S) as sysbench:
            stand.wait_stage(way_back, Stage.READY)
            with probing(stand, TABLE.full_name) as prober:
                roll_back(stand.pools, stand.control, way_back, WHO)
                seconds = refused_s(stand, way_back, prober)
            sysbench.stop()
        stand.wait_stage(way_back, Stage.DONE)
        return 1000 * seconds, stand.migration(way_back).attempt

    def _turn_round(self) -> tuple[Stand, str]:
        """A way back is on the server that it leads to."""
        self.stand.turn_round()
        self.stand.control = self.stand.target
        self.migration_id = way_back_id(self.migration_id)
        return self.stand, self.migration_id


def _moved(stand: Stand) -> str:
    migration_id = stand.begin([TABLE.name], way_back_s=_OPEN_S, postpone_cut_over=False)
    stand.wait_stage(migration_id, Stage.DONE)
    return migration_id


def _measure(bench: Bench) -> Iterator[Line]:
    found, load = CutOvers(), Load(rows=bench.rows(1_000_000))
    with bench.stand() as stand:
        stand.fill(TABLE, load.rows)
        stand.start_workers()
        there = _ToAndFro(stand, load, _moved(stand))
        found.repeat(bench, 10 * bench.rounds, lambda _: there.take_back())
    yield from found.lines("refusal")


ROW = Row(
    "roll-back",
    "refusal window of roll-backs of 1 M rows under sysbench oltp_write_only; ten each round",
    _measure,
    programs=("sysbench",),
    minutes=15,
)
