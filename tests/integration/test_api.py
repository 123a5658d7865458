"""The Python API: nothing that the command line can do is missing from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from ops.cli.lazy import commands_of
from ops.cli.main import cli
from pipeline.domain.reading import asked_for_by
from pipeline.domain.request import AlterRequest, MoveRequest
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import Severity
from tests.support.moves import SOURCE, TARGET
from tests.support.stack import Stack
from tranship import Tranship

# A process to be run, not something to be asked for.
_PROCESSES = {"worker", "metrics", "dashboard"}
_CALLS = {
    "move": ("move", "plan", "start"), "alter": ("alter", "try_instant"), "doctor": ("doctor",),
    "status": ("status", "wait"), "events": ("events",), "list": ("migrations",),
    "cut-over": ("cut_over",), "roll-back": ("roll_back", "doctor_of_roll_back"),
    "postpone": ("postpone",), "throttle": ("throttle",),
    "unthrottle": ("unthrottle",), "set": ("set",), "abort": ("abort",), "resume": ("resume",),
    "clean-up": ("clean_up",), "schedule add": ("add_schedule",),
    "schedule list": ("schedules",), "schedule pause": ("pause_schedule",),
    "schedule resume": ("pause_schedule",), "schedule remove": ("remove_schedule",),
    "schedule run-now": ("run_now",), "schedule events": ("schedule_events",),
}  # fmt: skip


@pytest.fixture
def tranship(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tranship]:
    monkeypatch.setenv("TRANSHIP_CONFIG", str(config_file))
    with Tranship(who="a script") as tranship:
        yield tranship


@pytest.fixture
def table(pools: Pools, schema: str) -> str:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
        run(source, f"INSERT INTO {schema}.t VALUES (1), (2), (3)")
    return f"{schema}.t"


def test_no_command_is_missing_from_the_api() -> None:
    commands = set()
    for name, command in commands_of(cli).items():
        inner = command.commands if isinstance(command, click.Group) else {}
        commands |= {f"{name} {one}" for one in inner} or {name}
    assert commands - _PROCESSES == set(_CALLS)
    missing = [call for calls in _CALLS.values() for call in calls if not hasattr(Tranship, call)]
    assert missing == []


def test_a_script_plans_moves_holds_back_releases_and_cleans_up(
    tranship: Tranship, pools: Pools, table: str, shared_stack: Stack
) -> None:
    request = MoveRequest(
        source=SOURCE, target=TARGET, tables=(TableName.parse(table),), postpone_cut_over=True
    )
    assert [str(planned.target) for planned in tranship.plan(request).tables] == [table]
    found = tranship.doctor(request)
    assert all(finding.severity is not Severity.REFUSED for finding in found)
    migration = tranship.start(request)
    now = tranship.wait(migration[:6], until=lambda now: now.stage is Stage.READY, limit_s=60)
    assert (now.id, now.created_by, now.postponed) == (migration, "a script", True)
    assert tranship.throttle(migration) == migration
    assert tranship.status(migration).throttled == (asked_for_by("a script"),)
    tranship.unthrottle(migration)
    tranship.set(migration, "window", 2)
    with pytest.raises(RefusedError, match="There is no setting nonsense"):
        tranship.set(migration, "nonsense", 1)
    tranship.cut_over(migration)
    assert tranship.wait(migration, limit_s=60).stage is Stage.DONE
    told = [f"{event.kind}: {event.message} [{event.by}]" for event in tranship.events(migration)]
    assert "control: window: 2 [a script]" in told
    assert "control: cut-over allowed [a script]" in told
    assert migration in [one.id for one in tranship.migrations()[0]]
    assert len(tranship.clean_up(migration)) == 1
    with pools.begin(SOURCE) as source:
        assert not table_exists(source, TableName(table.split(".")[0], "_t_del"))


def test_what_the_server_can_do_itself_is_not_copied(tranship: Tranship, table: str) -> None:
    name = TableName.parse(table)
    column = AlterRequest(server=SOURCE, table=name, change="ADD COLUMN c INT")
    with pytest.raises(RefusedError, match="leaves no old table"):
        tranship.try_instant(replace(column, way_back_s=60))
    assert tranship.try_instant(column) == "ALGORITHM=INSTANT"
    assert tranship.try_instant(replace(column, change="ADD INDEX (c)")) is None


def test_a_refusal_speaks_of_the_options_that_python_has(
    tranship: Tranship, pools: Pools, table: str
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TRIGGER {table}_tr BEFORE INSERT ON {table} FOR EACH ROW SET @a = 1")
    with pytest.raises(RefusedError, match="`with_triggers=True`"):
        tranship.move(SOURCE, TARGET, [table])
    with pytest.raises(RefusedError, match="`chunk_rows=0`"):
        tranship.move(SOURCE, TARGET, [table], chunk_rows=0)
    with pytest.raises(RefusedError, match=r"`renames=\{'id': 'number'\}`"):
        tranship.alter(SOURCE, table, "RENAME COLUMN id TO number", with_triggers=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cut_over_window": "noon"}, "'noon' is not a window of time"),
        ({"hooks": {"on-succes": "x"}}, "There is no hook 'on-succes'"),
        ({"hooks": {"startup": "'x"}}, "can't be read"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_server_is_asked(
    tranship: Tranship, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(RefusedError, match=said):
        tranship.move("nowhere", "nowhere", ["a.b"], **options)


def test_a_wait_that_takes_too_long_says_where_it_stands(
    tranship: Tranship, table: str, shared_stack: Stack
) -> None:
    migration = tranship.move(SOURCE, TARGET, [table], postpone_cut_over=True)
    tranship.wait(migration, until=lambda now: now.stage is Stage.READY, limit_s=60)
    with pytest.raises(TimeoutError, match="it is postponed and waits for you"):
        tranship.wait(migration, limit_s=0.1)
    tranship.abort(migration)
    assert tranship.wait(migration, limit_s=60).stage is Stage.ABORTED
