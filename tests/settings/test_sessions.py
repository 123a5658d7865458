"""A server that shows no sessions: nobody can see that it is busy, nor what they log."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pipeline.configuration.load import load_settings
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import Scope, Severity
from pipeline.preflight.registry import run_preflight
from tests.settings.conftest import one_server
from tests.support.moves import move_request


def test_that_the_copy_will_give_way_to_nobody_is_said_before_the_start(tmp_path: Path) -> None:
    table = TableName("shop", "t")
    settings = {"performance-schema": "OFF"}
    with one_server(settings, tmp_path) as path, closing(Pools(load_settings(path))) as pools:
        with pools.begin("old") as server:
            run(server, f"CREATE DATABASE {table.schema}")
            run(server, f"CREATE TABLE {table} (id INT PRIMARY KEY)")
        findings = run_preflight(pools, move_request(table.schema, table.name), Scope.START)
    (found,) = (one for one in findings if one.check == "sessions")
    assert found.severity is Severity.WARNING
    assert "does not give way" in found.explanation
    assert found.remedy == "Start the server with performance_schema = ON."
