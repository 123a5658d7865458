"""What is said about broker and workers: what is missing, and who has an older configuration."""

from __future__ import annotations

from dataclasses import replace

from pipeline.domain.processes import Processes, WorkerNode
from pipeline.domain.role import Role
from pipeline.preflight.findings import Finding, Severity
from pipeline.preflight.setup import check_processes

COPY = WorkerNode("copy-1@db1", (Role.COPY, Role.CHECKSUM), outdated=False)
STREAM = WorkerNode("stream-1@db1", (Role.STREAM,), outdated=False)
COORDINATE = WorkerNode("coordinate-1@db1", (Role.COORDINATE,), outdated=False)


def problems(found: Processes) -> list[str]:
    return [str(one.explanation) for one in check_processes(found) if is_problem(one)]


def is_problem(finding: Finding) -> bool:
    return finding.severity in (Severity.WARNING, Severity.REFUSED)


def test_nothing_is_wrong_when_every_role_answers() -> None:
    assert problems(Processes(workers=(COORDINATE, COPY, STREAM))) == []


def test_a_broker_that_is_away_is_the_only_problem_for_nobody_can_be_asked() -> None:
    assert problems(Processes(broker_trouble="Connection refused")) == [
        "The broker does not answer: Connection refused."
    ]


def test_each_role_that_nobody_has_is_named() -> None:
    assert problems(Processes(workers=(STREAM,))) == [
        "No copy worker answers.",
        "No coordinate worker answers.",
    ]


def test_a_worker_whose_clock_would_let_messages_expire_is_named() -> None:
    ahead = replace(COPY, clock_ahead_s=25.2)
    behind = replace(STREAM, clock_ahead_s=-7)
    late = replace(COORDINATE, clock_ahead_s=1.5)
    assert problems(Processes(workers=(late, ahead, behind))) == [
        "copy-1@db1: its clock is 25 s ahead of this machine's.",
        "stream-1@db1: its clock is 7 s behind this machine's.",
    ]


def test_a_worker_with_an_older_configuration_is_named() -> None:
    old = WorkerNode("copy-2@db1", (Role.COPY, Role.CHECKSUM), outdated=True)
    assert problems(Processes(workers=(COORDINATE, COPY, old, STREAM))) == [
        "copy-2@db1 has another configuration than the one that is read here."
    ]
