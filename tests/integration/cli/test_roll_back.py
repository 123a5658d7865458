"""`roll-back` on the command line: tried, postponed, and taken back before it has happened."""

from __future__ import annotations

import json
from pathlib import Path

from ops.cli.exits import ExitCode
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from tests.integration.cli.test_commands import Command, command  # noqa: F401
from tests.support.cut_overs import TABLES
from tests.support.moves import TARGET
from tests.support.way_backs import ready_round


def test_who_prepares_a_roll_back_is_told_what_lets_it_go_and_can_abort_it(
    command: Command,  # noqa: F811
    pools: Pools,
    schema: str,
    tmp_path: Path,
) -> None:
    with ready_round(pools, schema, tmp_path) as there:
        way, moved = there.go(), there.forward.id
        code, out, _ = command("roll-back", moved, "--dry-run")
        assert code is ExitCode.OK
        assert f"{way.migration_id} would cut over" in out
        code, out, _ = command("roll-back", moved, "--postpone", "--json")
        assert code is ExitCode.OK
        told = json.loads(out)
        assert told["migration"] == way.migration_id
        assert told["next"][0] == f"tranship cut-over {way.migration_id}"
        assert "a roll-back is asked for" in command("status", moved)[1]
        way.once()
        assert way.stage is Stage.READY
        assert command("abort", way.migration_id)[0] is ExitCode.OK
        way.until(Stage.ABORTED)
        assert there.tables(TARGET) == list(TABLES)
