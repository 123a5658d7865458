"""A throttle's reason is labels of a metric: they must not change with its value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from prometheus_client.core import Metric

from ops.metrics.collector import families, of_processes
from ops.metrics.figures import SETUP, described
from pipeline.domain.cut_over_parts import CutOverAttempt, Part, PartTime
from pipeline.domain.processes import Processes, WorkerNode
from pipeline.domain.reading import Reading, Signal, asked_for_by
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import Direction
from pipeline.status.progress import StreamProgress, TableProgress
from pipeline.status.way_back import WayBackProgress
from tests.support.examples import MIGRATION
from tests.support.progress import copying
from tests.support.readings import READINGS

WAY_BACK = WayBackProgress("m2", Direction.BACK, None, Stage.READY, 0.0, 0, None)


def attempt(number: int, **parts: float) -> CutOverAttempt:
    return CutOverAttempt(number, tuple(PartTime(Part(name), ms) for name, ms in parts.items()))


def reasons(*throttled: Reading) -> set[tuple[str, ...]]:
    """(signal, server, subject) of each sample."""
    samples = [
        sample
        for family in families([copying(throttled)])
        for sample in family.samples
        if sample.name == "tranship_throttle_reason"
    ]
    assert all(sample.value == 1 for sample in samples)
    labels = ("signal", "server", "subject")
    found = [tuple(sample.labels[label] for label in labels) for sample in samples]
    assert len(found) == len(set(found)), "Prometheus refuses a scrape that says a thing twice"
    return set(found)


def test_every_metric_that_is_described_is_told_and_no_other() -> None:
    table = TableProgress("s.t", "s.t", 1, 2, 3, 4, 5, 6, True, True, 7, 8, 0.1, 0)
    stream = StreamProgress(1, 2, 3.0, 4, True, "host:1", 5.0, 6.0)
    progress = replace(
        copying(READINGS), coordinated_s_ago=1, eta_s=2, stream=stream, tables=(table,),
        chunks_allowed=1, refused_s=2, until=MIGRATION.now, way_back=WAY_BACK,
        cut_overs=(attempt(1, drain=2000),),
    )  # fmt: skip
    told = {
        sample.name: set(sample.labels)
        for family in families([progress])
        for sample in family.samples
    }
    assert told == {one.name: set(one.labels) for one in described() if one.name not in SETUP}


def samples(found: Iterable[Metric]) -> dict[str, dict[str, float]]:
    return {
        family.name: {"".join(one.labels.values()): one.value for one in family.samples}
        for family in found
    }


def test_workers_are_told_by_role_and_a_role_that_nobody_has_is_zero() -> None:
    """Prometheus can't alert on a series that is not there."""
    node = WorkerNode("copy-1@db1", (Role.COPY, Role.CHECKSUM), outdated=True)
    assert samples(of_processes(Processes(workers=(node,)))) == {
        "tranship_broker_up": {"": 1}, "tranship_workers_outdated": {"": 1},
        "tranship_workers": {"copy": 1, "stream": 0, "coordinate": 0},
    }  # fmt: skip


def test_without_the_broker_no_worker_is_called_missing() -> None:
    assert samples(of_processes(Processes(broker_trouble="refused"))) == {
        "tranship_broker_up": {"": 0}, "tranship_workers_outdated": {}, "tranship_workers": {},
    }  # fmt: skip


def test_a_reason_is_told_by_its_signal_and_what_it_was_read_from() -> None:
    assert reasons(*READINGS[:4], asked_for_by("ann@db1")) == {
        ("replica_lag", "replica-1", ""),
        ("load", "new", "Threads_running"),
        ("history_list", "new", ""),
        ("apply_lag", "", ""),
        ("by_hand", "", "ann@db1"),
    }


def test_a_reason_stays_one_time_series_while_its_value_changes() -> None:
    later = replace(READINGS[0], value=99.0)
    silent = replace(READINGS[0], value=None, trouble="no answer")
    assert reasons(READINGS[0]) == reasons(later) == reasons(silent)


def test_a_replica_that_is_configured_twice_is_told_once() -> None:
    assert reasons(READINGS[0], READINGS[0]) == {(Signal.REPLICA_LAG, "replica-1", "")}


def test_the_parts_of_the_last_attempt_are_told_in_seconds_and_no_others() -> None:
    """An alert on a part would go on for as long as an attempt that was given up is told."""
    progress = replace(
        copying(), cut_overs=(attempt(1, drain=30_000), attempt(2, lock=4, drain=20))
    )
    found = {
        sample.labels["part"]: sample.value
        for family in families([progress])
        for sample in family.samples
        if sample.name == "tranship_refused_part_seconds"
    }
    assert found == {"lock": 0.004, "drain": 0.02}
