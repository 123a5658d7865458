"""`alter` and `schedule` on the command line."""

from __future__ import annotations

import json

import pytest

from ops.cli.exits import ExitCode
from ops.cli.main import run as tranship
from pipeline.commands.schedules import start_due
from pipeline.control.schedules import set_paused
from pipeline.control.schema import read_now
from pipeline.mysql.pools import Pools, run
from tests.integration.cli.test_commands import Command, command  # noqa: F401
from tests.support.alters import skip_on_mariadb
from tests.support.moves import TARGET, read


@pytest.fixture
def table(pools: Pools, schema: str) -> str:
    with pools.begin(TARGET) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(server, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(9))")
    return f"{schema}.t"


def test_a_dry_run_says_what_each_column_becomes_and_leaves_nothing(
    command: Command,  # noqa: F811
    pools: Pools,
    table: str,
    schema: str,
) -> None:
    ddl = "MODIFY v VARCHAR(20), ADD UNIQUE KEY by_v (v)"
    code, out, _ = command("alter", "--server", TARGET, "--table", table, ddl, "--dry-run")
    assert code is ExitCode.OK
    assert "v becomes varchar(20)" in out
    assert "new unique keys: by_v" in out
    with pools.begin(TARGET) as server:
        assert run(server, f"SHOW TABLES FROM {schema}").rows == (("t",),)


def test_what_the_server_can_do_itself_is_not_copied(
    command: Command,  # noqa: F811
    pools: Pools,
    table: str,
) -> None:
    words = ("--server", TARGET, "--table", table, "--try-instant", "ADD COLUMN c INT")
    code, out, _ = command("alter", *words)
    assert (code, out.strip()) == (
        ExitCode.OK,
        "done at once (ALGORITHM=INSTANT); nothing was copied",
    )
    with pools.begin(TARGET) as server:
        assert "`c` int" in run(server, f"SHOW CREATE TABLE {table}").rows[0][1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rename", "v"), "is not OLD=NEW"),
        (("--force-after", "soon"), "is not a duration"),
        (("--cut-over-window", "noon"), "is not a window of time"),
        (("--lock-timeout", "0"), "--lock-timeout"),
        (("--defer-secondary-indexes",), "--defer-secondary-indexes is for a move"),
    ],
)
def test_a_wrong_option_is_one_line_that_names_it(
    command: Command,  # noqa: F811
    table: str,
    words: tuple[str, ...],
    said: str,
) -> None:
    head = ("alter", "--server", TARGET, "--table", table)
    code, _, error = command(*head, *words, "ADD COLUMN c INT")
    assert code is ExitCode.REFUSED
    assert said in error


def test_a_schedule_is_kept_listed_paused_run_and_removed(
    command: Command,  # noqa: F811
    table: str,
) -> None:
    words = ("alter", "--server", TARGET, "--table", table, "--chunk-rows", "7", "ADD COLUMN c INT")
    code, out, _ = command(
        "schedule", "add", "--cron", "0 2 * * sat", "--zone", "Europe/Berlin", "--", *words
    )
    assert code is ExitCode.OK
    name = out.split()[0]
    found = json.loads(command("schedule", "list", "--json")[1])["schedules"]
    (kept,) = [one for one in found if one["id"] == name]
    assert (kept["cron"], kept["zone"], kept["tables"]) == ("0 2 * * sat", "Europe/Berlin", [table])
    assert not kept["paused"]
    command("schedule", "pause", name)
    assert f"{name}\t0 2 * * sat Europe/Berlin\tpaused" in command("schedule", "list")[1]
    command("schedule", "resume", name)
    code, out, _ = command("schedule", "run-now", name)
    assert code is ExitCode.OK
    assert table in command("list")[1]
    assert command("schedule", "remove", name)[0] is ExitCode.OK
    assert name not in command("schedule", "list")[1]


@pytest.mark.usefixtures("command")
def test_a_schedule_is_kept_and_what_is_in_its_way_now_is_told(
    table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that the schedule's command is about may be made before its time."""
    words = ("--", "alter", "--server", TARGET, "--table", f"{table}_gone", "ADD COLUMN c INT")
    assert tranship(["schedule", "add", "--json", "--cron", "0 2 * * sat", *words]) is ExitCode.OK
    said = capsys.readouterr()
    missing = f"refused [tables] There is no table {table}_gone. Check the names"
    assert f"tranship: {missing}" in said.err
    answer = json.loads(said.out)
    assert any(one.startswith(missing) for one in answer["warnings"])
    assert tranship(["schedule", "remove", answer["schedule"]]) is ExitCode.OK


def test_a_schedule_with_a_way_back_shows_it_and_starts_migrations_that_have_one(
    command: Command,  # noqa: F811
    pools: Pools,
    table: str,
) -> None:
    skip_on_mariadb(pools)
    words = ("alter", "--server", TARGET, "--table", table, "--way-back", "1h", "ADD COLUMN c INT")
    name = command("schedule", "add", "--cron", "0 2 * * *", "--", *words)[1].split()[0]
    found = json.loads(command("schedule", "list", "--json")[1])["schedules"]
    assert [one["way_back_s"] for one in found if one["id"] == name] == [3600]
    assert f"alter {table}, way back for 1 h 00 min" in command("schedule", "list")[1]
    with pools.begin(TARGET) as control:
        set_paused(control, name, paused=False, next_due=read_now(control))
    (started,) = start_due(pools, TARGET)
    assert read(pools, started).request.way_back_s == 3600
    command("schedule", "remove", name)


@pytest.mark.usefixtures("command")
def test_a_schedule_that_can_have_no_way_back_says_so_when_it_is_made(
    pools: Pools, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_on_mariadb(pools)
    change = "MODIFY v VARCHAR(9) AS (id) STORED"
    words = ("--", "alter", "--server", TARGET, "--table", table, "--way-back", "1h", change)
    assert tranship(["schedule", "add", "--json", "--cron", "0 2 * * *", *words]) is ExitCode.OK
    answer = json.loads(capsys.readouterr().out)
    assert [one for one in answer["warnings"] if one.startswith("refused [way back]")]
    assert tranship(["schedule", "remove", answer["schedule"]]) is ExitCode.OK


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cron", "nonsense", "--", "move"), "Missing option"),
        (("--cron", "0 2 * * *", "--", "abort", "x"), "can't be scheduled"),
        (
            (
                "--cron",
                "0 2 * * *",
                "--",
                "alter",
                "--server",
                TARGET,
                "--table",
                "a.b",
                "--wait",
                "X",
            ),
            "--wait has no meaning in a schedule",
        ),
        (
            ("--cron", "whenever", "--", "alter", "--server", TARGET, "--table", "a.b", "X"),
            "is not a time of cron",
        ),
    ],
)
def test_a_schedule_that_could_not_run_is_refused_when_it_is_made(
    command: Command,  # noqa: F811
    words: tuple[str, ...],
    said: str,
) -> None:
    code, _, error = command("schedule", "add", *words)
    assert code is ExitCode.REFUSED
    assert said in error
