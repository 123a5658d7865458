"""Collects what Prometheus gets: read from the control schemas at each scrape, kept nowhere.

So it is as true as `tranship status`, survives every process, and any number of these endpoints
may run. A migration that has ended is reported for another hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ops.metrics.figures import (
    BROKER_UP,
    MIGRATION,
    NOT_STARTED,
    OF_MIGRATION,
    OF_PART,
    OF_REASON,
    OF_STAGE,
    OF_TABLE,
    OUTDATED,
    PART,
    PART_TEXT,
    REASON,
    REASON_TEXT,
    SERVER_UP,
    SETUP,
    STAGE,
    STREAM,
    TABLE,
    WORKERS,
    Figure,
    Told,
)
from pipeline.commands.schedules import all_schedules
from pipeline.control.schedules import Schedule
from pipeline.domain.processes import WORKERS as ROLES
from pipeline.domain.processes import Processes
from pipeline.domain.reading import Reading
from pipeline.domain.stages import ENDED
from pipeline.errors import TranshipError
from pipeline.mysql.pools import Pools
from pipeline.status.listing import Listed, list_migrations
from pipeline.status.progress import Progress, read_progress

_REMEMBERED = timedelta(hours=1)


@dataclass(frozen=True)
class MigrationCollector(Collector):
    """Asks every configured server, the broker and the workers at each scrape."""

    pools: Pools
    ask_workers: Callable[[], Processes]

    def collect(self) -> Iterable[Metric]:
        """Every metric of every migration."""
        listed, troubles = list_migrations(self.pools)
        yield _of_setup(
            SERVER_UP, {(one,): one not in troubles for one in self.pools.settings.servers}
        )
        yield from of_processes(self.ask_workers())
        yield of_schedules(all_schedules(self.pools)[0])
        yield from families(list(self._progress(listed)))

    def describe(self) -> Iterable[Metric]:
        """Nothing, since registering must not ask the servers."""
        return []

    def _progress(self, listed: Iterable[Listed]) -> Iterator[Progress]:
        for one in listed:
            # Before it is read: the migrations of years must not slow a scrape down.
            if one.stage in ENDED and one.now - one.since >= _REMEMBERED:
                continue
            try:
                yield read_progress(self.pools, one.target, one.id)
            except TranshipError:
                continue  # `tranship_server_up` says so


def of_processes(found: Processes) -> Iterator[Metric]:
    """Whether the broker answers, and how many workers do; nobody knows those without it."""
    answers = found.broker_trouble is None
    yield _of_setup(BROKER_UP, {(): answers})
    yield _of_setup(
        WORKERS, {(role,): len(found.with_role(role)) for role in ROLES} if answers else {}
    )
    yield _of_setup(OUTDATED, {(): len(found.outdated)} if answers else {})


def of_schedules(found: Iterable[Schedule]) -> Metric:
    """Whether the last run of each schedule could start."""
    return _of_setup(
        NOT_STARTED,
        {
            (one.id, str(one.request.kind), one.request.source, one.target): one.not_started
            for one in found
        },
    )


def _of_setup(name: str, values: Mapping[tuple[str, ...], float]) -> Metric:
    labels, about = SETUP[name]
    family = GaugeMetricFamily(name, about, labels=list(labels))
    for label, value in values.items():
        family.add_metric(label, float(value))
    return family


def families(found: list[Progress]) -> Iterator[Metric]:
    """The metrics of these migrations."""
    migrations = [(_labels(one), one) for one in found]
    streams = [(_labels(one), one.stream) for one in found if one.stream is not None]
    tables = [([*_labels(one), table.source], table) for one in found for table in one.tables]
    yield _stages(found)
    yield _reasons(found)
    yield _parts(found)
    yield from _figures(MIGRATION, OF_MIGRATION, migrations)
    yield from _figures(STREAM, OF_MIGRATION, streams)
    yield from _figures(TABLE, OF_TABLE, tables)


def _stages(found: list[Progress]) -> Metric:
    family = GaugeMetricFamily(STAGE, "1 for the present one.", labels=list(OF_STAGE))
    for progress in found:
        family.add_metric([*_labels(progress), str(progress.stage)], 1.0)
    return family


def _reasons(found: list[Progress]) -> Metric:
    family = GaugeMetricFamily(REASON, REASON_TEXT, labels=list(OF_REASON))
    for progress in found:
        for labels in {_of_reason(one) for one in progress.throttled}:
            family.add_metric([*_labels(progress), *labels], 1.0)
    return family


def _parts(found: list[Progress]) -> Metric:
    family = GaugeMetricFamily(PART, PART_TEXT, labels=list(OF_PART))
    for progress in found:
        for one in progress.cut_overs[-1].parts if progress.cut_overs else ():
            family.add_metric([*_labels(progress), str(one.part)], one.ms / 1000)
    return family


def _of_reason(reason: Reading) -> tuple[str, str, str]:
    """The labels of a reason, without its value, which would make a new time series each time."""
    return str(reason.signal), reason.server or "", reason.subject or ""


def _figures(
    figures: Mapping[str, Figure[Told]],
    labels: tuple[str, ...],
    found: Iterable[tuple[list[str], Told]],
) -> Iterator[Metric]:
    samples = list(found)
    for name, figure in figures.items():
        kind = CounterMetricFamily if figure.grows else GaugeMetricFamily
        family = kind(f"tranship_{name}", figure.about, labels=list(labels))
        for values, one in samples:
            value = figure.read(one)
            if value is not None:
                family.add_metric(values, float(value))
        yield family


def _labels(progress: Progress) -> list[str]:
    return [progress.id, str(progress.kind), progress.source, progress.target]
