"""What the way back needs of the new side is asked for before the first row is copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.mysql.pools import Pools, run
from pipeline.preflight.findings import Scope, Severity
from pipeline.preflight.registry import run_preflight
from tests.support.moves import SOURCE, TARGET, move_request


@contextmanager
def set_on_target(pools: Pools, name: str, value: str) -> Iterator[None]:
    with pools.begin(TARGET) as target:
        before = run(target, f"SELECT @@GLOBAL.{name}").rows[0][0]
        run(target, f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        with pools.begin(TARGET) as target:
            run(target, f"SET GLOBAL {name} = '{before}'")


def refusals(pools: Pools, schema: str, way_back_s: float | None) -> list[str]:
    request = move_request(schema, "t", way_back_s=way_back_s)
    found = run_preflight(pools, request, Scope.START)
    return [one.check for one in found if one.severity is Severity.REFUSED]


@pytest.fixture(autouse=True)
def table(pools: Pools, schema: str) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")


def test_a_new_server_that_does_not_log_full_rows_is_refused(pools: Pools, schema: str) -> None:
    with set_on_target(pools, "binlog_row_image", "MINIMAL"):
        assert refusals(pools, schema, way_back_s=None) == []
        assert refusals(pools, schema, way_back_s=60) == ["way back: binary log"]


def test_a_retired_name_that_is_taken_on_the_new_server_is_refused(
    pools: Pools, schema: str
) -> None:
    with pools.begin(TARGET) as target:
        run(target, f"CREATE DATABASE {schema}")
        run(target, f"CREATE TABLE {schema}._t_del (id INT PRIMARY KEY)")
    assert refusals(pools, schema, way_back_s=None) == []
    assert refusals(pools, schema, way_back_s=60) == ["way back: retired names"]


@pytest.mark.parametrize("action", ["ON DELETE CASCADE", "ON UPDATE SET NULL"])
def test_a_cascade_that_the_new_server_does_not_log_is_refused(
    pools: Pools, schema: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both servers here log it; so the answer of one is replaced."""
    from pipeline.preflight import way_back

    monkeypatch.setattr(way_back, "cascades_are_logged", lambda _: False)
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.c (id INT PRIMARY KEY, t INT,"
                    f" FOREIGN KEY (t) REFERENCES {schema}.t (id) {action})")  # fmt: skip
    request = move_request(schema, "t", "c", way_back_s=60)
    found = [
        one.check
        for one in run_preflight(pools, request, Scope.START)
        if one.severity is Severity.REFUSED
    ]
    assert "way back" in found
