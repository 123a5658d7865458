"""Who watches a migration may go away and come back: it goes on by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ops.cli.exits import ExitCode
from ops.cli.main import run as tranship
from pipeline.commands.settings import change
from pipeline.commands.start import start
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, move_request, read
from tests.support.stack import Stack
from tests.support.watching import draw, watching
from tests.support.workload import create_tables


def test_ctrl_c_ends_the_watching_and_not_the_move_and_cut_over_wait_sees_its_end(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, config_file: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    create_tables(connect(), schema, 2000)
    with pools.begin(SOURCE) as source:  # which then knows how many rows there are
        run(source, f"ANALYZE TABLE {schema}.accounts, {schema}.orders")
    terms: dict[str, Any] = {"chunk_rows": 100, "postpone_cut_over": True}
    moved = start(pools, move_request(schema, "accounts", "orders", **terms), "test")
    change(pools, TARGET, moved, "nice_ratio", "20", "test")  # or it is copied before it is seen
    with watching(config_file, "status", moved, "--watch") as terminal:
        shown = terminal.shows(r"copying: (?:[5-9]\d\d|[1-9],\d+) rows.*ETA \d")
        assert f"{schema}.accounts" in shown.plain
        pictures = Path(os.environ.get("TRANSHIP_SCREENSHOTS", tmp_path))
        draw(shown, f"tranship status {moved} --watch", pictures / "status-watch.svg")
        assert terminal.interrupt() == ExitCode.INTERRUPTED
        assert f"{moved} goes on by itself. See: tranship status {moved}" in terminal.text
    assert read(pools, moved).stage in (Stage.COPYING, Stage.CONVERGING, Stage.READY)
    change(pools, TARGET, moved, "nice_ratio", None, "test")
    monkeypatch.setenv("TRANSHIP_CONFIG", str(config_file))
    assert tranship(["cut-over", moved, "--wait"]) is ExitCode.OK, shared_stack.logs()
    assert "done; writes were refused for" in capsys.readouterr().out
    assert read(pools, moved).stage is Stage.DONE
