"""What Prometheus is told: read from the control schemas at each scrape, kept nowhere.

So it is as true as `tranship status`, survives every process, and any number of these endpoints
may run. A migration that has ended is told of for another hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.domain.reading import Reading
from pipeline.domain.stages import ENDED, Stage
from pipeline.errors import TranshipError
from pipeline.mysql.pools import Pools
from pipeline.status.listing import Listed, list_migrations
from pipeline.status.progress import Progress, read_progress

_REMEMBERED = timedelta(hours=1)
_OF_MIGRATION = ("migration", "kind", "source", "target")
_OF_TABLE = (*_OF_MIGRATION, "table")
_OF_REASON = (*_OF_MIGRATION, "signal", "server", "subject")

# Name, what it is, whether it only grows.
_MIGRATION = {
    "stage_seconds": ("How long it has been in its stage.", False),
    "postponed": ("1: the cut-over waits for a person's word.", False),
    "failed": ("1: it has stopped, and can be resumed or aborted.", False),
    "throttled": ("How many reasons hold copy and verification back.", False),
    "chunks_allowed": ("Chunks that may be in flight, by the throttle.", False),
    "copy_rows_per_second": ("Rows copied lately.", False),
    "cut_over_attempts": ("Attempts at the cut-over.", True),
    "refused_seconds": ("How long writes were refused, or had to wait.", False),
    "apply_lag_seconds": ("How far the target is behind the source.", False),
    "transactions_behind": ("Transactions of the source not yet applied.", False),
    "position_age_seconds": ("How long ago the position was moved.", False),
    "rows_applied": ("Row changes applied from the binary log.", True),
    "streamer_up": ("1: a streamer holds the role.", False),
}
_TABLE = {
    "rows_copied": ("Rows copied.", True),
    "rows_estimate": ("Rows that there are, by the server's estimate.", False),
    "bytes_copied": ("Bytes copied.", True),
    "chunks_done": ("Chunks copied.", True),
    "chunks_known": ("Chunks planned so far.", False),
    "chunks_dirty": ("Chunks to be verified.", False),
    "chunks_never_verified": ("Chunks that were never verified in full.", False),
    "keys_touched": ("Rows changed since they were verified.", False),
}
_SERVER_UP = "tranship_server_up"
_REASON = "tranship_throttle_reason"
_REASON_TEXT = "1 for each signal that holds copy and verification back."
_STAGE = "tranship_stage"


@dataclass(frozen=True)
class Described:
    """A metric, by the name that a query has to use."""

    name: str
    kind: str
    labels: tuple[str, ...]
    about: str


def described() -> list[Described]:
    """Every metric there is."""
    found = [
        Described(_SERVER_UP, "gauge", ("server",), "1: the server answers."),
        Described(_STAGE, "gauge", (*_OF_MIGRATION, "stage"), "1 for the present one."),
        Described(_REASON, "gauge", _OF_REASON, _REASON_TEXT),
    ]
    for labels, known in ((_OF_MIGRATION, _MIGRATION), (_OF_TABLE, _TABLE)):
        for name, (about, grows) in known.items():
            ending, kind = ("_total", "counter") if grows else ("", "gauge")
            found.append(Described(f"tranship_{name}{ending}", kind, labels, about))
    return found


@dataclass(frozen=True)
class MigrationCollector(Collector):
    """Asks every configured server at each scrape."""

    pools: Pools

    def collect(self) -> Iterable[Metric]:
        """Every metric of every migration."""
        listed, troubles = list_migrations(self.pools)
        up = GaugeMetricFamily(_SERVER_UP, "1: the server answers.", labels=["server"])
        for server in self.pools.settings.servers:
            up.add_metric([server], float(server not in troubles))
        yield up
        yield from families([one for one in self._progress(listed)])

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the servers."""
        return []

    def _progress(self, listed: Iterable[Listed]) -> Iterator[Progress]:
        for one in listed:
            try:
                progress = read_progress(self.pools, one.target, one.id)
            except TranshipError:
                continue  # `tranship_server_up` says so
            if one.stage not in ENDED or progress.now - progress.since < _REMEMBERED:
                yield progress


def families(found: list[Progress]) -> Iterator[Metric]:
    stage = GaugeMetricFamily(_STAGE, "1 for the present one.", labels=[*_OF_MIGRATION, "stage"])
    reason = GaugeMetricFamily(_REASON, _REASON_TEXT, labels=list(_OF_REASON))
    for progress in found:
        stage.add_metric([*_labels(progress), str(progress.stage)], 1.0)
        for labels in {_of_reason(one) for one in progress.throttled}:
            reason.add_metric([*_labels(progress), *labels], 1.0)
    yield stage
    yield reason
    for name, (text, grows) in _MIGRATION.items():
        family = _family(name, text, grows, _OF_MIGRATION)
        for progress in found:
            value = _of_migration(progress)[name]
            if value is not None:
                family.add_metric(_labels(progress), float(value))
        yield family
    for name, (text, grows) in _TABLE.items():
        family = _family(name, text, grows, _OF_TABLE)
        for progress in found:
            for table, values in _of_tables(progress):
                family.add_metric([*_labels(progress), table], float(values[name]))
        yield family


def _family(
    name: str, text: str, grows: bool, labels: tuple[str, ...]
) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if grows else GaugeMetricFamily
    return kind(f"tranship_{name}", text, labels=list(labels))


def _labels(progress: Progress) -> list[str]:
    return [progress.id, str(progress.kind), progress.source, progress.target]


def _of_reason(reason: Reading) -> tuple[str, str, str]:
    """Not its value: that would be a new time series each time."""
    return str(reason.signal), reason.server or "", reason.subject or ""


def _of_migration(progress: Progress) -> dict[str, float | int | None]:
    stream = progress.stream
    return {
        "stage_seconds": (progress.now - progress.since).total_seconds(),
        "postponed": progress.postponed,
        "failed": progress.stage is Stage.FAILED,
        "throttled": len(progress.throttled),
        "chunks_allowed": progress.chunks_allowed,
        "copy_rows_per_second": progress.rows_per_s,
        "cut_over_attempts": progress.cut_over_attempt,
        "refused_seconds": progress.refused_s,
        "apply_lag_seconds": stream.lag_s if stream else None,
        "transactions_behind": stream.transactions_behind if stream else None,
        "position_age_seconds": stream.position_age_s if stream else None,
        "rows_applied": stream.rows_applied if stream else None,
        "streamer_up": stream.alive if stream else None,
    }


def _of_tables(progress: Progress) -> Iterator[tuple[str, dict[str, int]]]:
    for table in progress.tables:
        yield (
            table.source,
            {
                "rows_copied": table.rows_copied,
                "rows_estimate": table.rows_estimate,
                "bytes_copied": table.bytes_copied,
                "chunks_done": table.chunks_done,
                "chunks_known": table.chunks_known,
                "chunks_dirty": table.chunks_dirty,
                "chunks_never_verified": table.chunks_never_verified,
                "keys_touched": table.keys_touched,
            },
        )
