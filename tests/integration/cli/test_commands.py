"""The command as an operator and a script meet it: one line, one remedy, one exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.cli.exits import ExitCode
from ops.cli.main import run as tranship
from pipeline.mysql.pools import Pools, run
from tests.support.moves import SOURCE, TARGET, begin_move
from tests.support.stack import Stack

Command = Callable[..., tuple[ExitCode, str, str]]
MOVE = ("--source", SOURCE, "--target", TARGET)


@pytest.fixture
def command(
    config_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run one command in this process: (exit code, stdout, stderr)."""
    monkeypatch.setenv("TRANSHIP_CONFIG", str(config_file))

    def execute(*arguments: str) -> tuple[ExitCode, str, str]:
        capsys.readouterr()
        code = tranship(list(arguments))
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        assert len(said.err.strip().splitlines()) <= 1, said.err
        return code, said.out, said.err

    return execute


@pytest.fixture
def table(pools: Pools, schema: str) -> str:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(9))")
        run(source, f"INSERT INTO {schema}.t VALUES (1, 'a'), (2, 'b')")
    return f"{schema}.t"


def test_a_dry_run_prints_the_plan_and_changes_nothing(
    command: Command, pools: Pools, table: str
) -> None:
    code, out, _ = command("move", *MOVE, "--table", table, "--dry-run")
    assert code is ExitCode.OK
    assert f"{table} on {SOURCE} → {table} on {TARGET}" in out
    assert "by PRIMARY (id)" in out
    assert re.search(r"^(no problems found|\d+ warnings?)$", out.splitlines()[-1])
    assert table not in command("list")[1]
    with pools.begin(TARGET) as target:
        assert run(target, f"SHOW DATABASES LIKE '{table.split('.')[0]}'").rows == ()


def test_doctor_says_all_that_is_wrong_and_a_script_sees_it(command: Command, table: str) -> None:
    arguments = ("--table", f"{table}_gone", "--table", "mysql.user")
    code, out, _ = command("doctor", *MOVE, *arguments)
    assert code is ExitCode.REFUSED
    assert f"refused [tables] There is no table {table}_gone." in out
    assert "refused [tables] mysql.user is in a schema that belongs to the server" in out


def test_a_refused_move_is_one_line_with_its_remedy(command: Command, table: str) -> None:
    code, out, err = command("move", *MOVE, "--table", f"{table}_gone")
    assert (code, out) == (ExitCode.REFUSED, "")
    assert err.startswith(f"tranship: There is no table {table}_gone. Check the names")


def test_a_refusal_speaks_of_the_flags_that_the_command_has(
    command: Command, pools: Pools, table: str
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TRIGGER {table}_tr BEFORE INSERT ON {table} FOR EACH ROW SET @a = 1")
    _, _, err = command("move", *MOVE, "--table", table)
    assert "Use --with-triggers, which creates them on the target" in err
    _, out, _ = command("doctor", *MOVE, "--table", table)
    assert "Use --with-triggers, which creates them on the target" in out
    alter = ("alter", "--server", SOURCE, "--table", table, "--with-triggers")
    _, _, err = command(*alter, "RENAME COLUMN v TO w")
    assert "confirm it with: --rename v=w." in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("move", "--source", "nowhere", "--target", TARGET, "--table", "a.b"), "nowhere"),
        (("move", *MOVE, "--table", "no-schema"), "not SCHEMA.TABLE"),
        (
            ("move", *MOVE, "--table", "a.b", "--hook", "on-succes=x"),
            "There are: startup, validated",
        ),
        (("move", *MOVE), "--table"),
        (("status", "zzzz"), "no migration zzzz"),
        (("abort", "zzzz"), "no migration zzzz"),
        (("status", "--watch"), "Missing argument 'ID'. `move` and `alter` print it"),
        (("worker", "flower"), "FLOWER_BASIC_AUTH"),
        (("set", "zzzz", "window"), "not NAME=VALUE"),
        (("move", *MOVE, "--table", "a.b", "--hook", "startup='x"), "can't be read"),
        (("worker", "stream", "--port", "1"), "for flower"),
        (("worker", "flower", "--name", "night"), "Flower is none"),
        (("worker", "cook"), "cook"),
        (("worker", "stream", "--log-format", "yaml"), "'text', 'json'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.delenv("FLOWER_BASIC_AUTH", raising=False)
    code, _, err = command(*arguments)
    assert code is ExitCode.REFUSED
    assert said in err


def test_status_for_people_and_for_scripts(command: Command, pools: Pools, table: str) -> None:
    migration_id = begin_move(pools, table.split(".")[0], ["t"], postponed=True)
    code, out, _ = command("status", migration_id[:6])
    assert code is ExitCode.OK
    assert f"table {table}" in out
    assert "next: " in out
    code, out, _ = command("status", migration_id, "--json")
    assert code is ExitCode.OK
    status = json.loads(out)
    assert status["stage"] == "preparing"
    assert {"id", "source", "target", "since", "tables", "stream", "next", "command",
            "postponed", "failure", "rows_per_s", "eta_s", "events"} <= set(status)  # fmt: skip
    assert status["tables"][0]["source"] == table
    listed = command("list")[1].splitlines()
    assert listed[0].startswith("id\tstage\tfor\tcopied")
    assert any(line.startswith(migration_id) for line in listed)
    assert f"move {table} from {SOURCE} to {TARGET}" in command("events", migration_id)[1]


def test_what_comes_too_early_is_refused_by_name(
    command: Command, pools: Pools, table: str
) -> None:
    migration_id = begin_move(pools, table.split(".")[0], ["t"], postponed=True)
    code, _, err = command("clean-up", migration_id, "--yes")
    assert code is ExitCode.REFUSED
    assert "only one that has ended" in err
    assert command("postpone", migration_id)[0] is ExitCode.OK
    assert command("cut-over", migration_id)[0] is ExitCode.OK


ANSWERS = [
    (("throttle",), "unthrottle"), (("unthrottle",), "status"), (("set", "window=3"), "status"),
    (("postpone",), "cut-over"), (("cut-over",), "status"), (("events",), "status"),
    (("resume", "--json-as-text"), "status"), (("abort",), "status"),
]  # fmt: skip


def test_every_answer_has_the_next_step_for_a_script(
    command: Command, pools: Pools, table: str
) -> None:
    migration_id = begin_move(pools, table.split(".")[0], ["t"], postponed=True)
    for (name, *rest), then in ANSWERS:
        code, out, err = command(name, migration_id, *rest, "--json")
        assert code is ExitCode.OK, err
        said = json.loads(out)
        assert said["migration"] == migration_id
        assert said["next"][0].startswith(f"tranship {then} {migration_id}"), name


def test_what_can_not_be_set_is_refused_and_what_can_is_listed(
    command: Command, pools: Pools, table: str
) -> None:
    """A limit on a variable that nobody can read would hold the migration back for good."""
    migration_id = begin_move(pools, table.split(".")[0], ["t"], postponed=True)
    code, _, err = command("set", migration_id, "max_load.Thread_running=40")
    assert (code, "no status variable Thread_running" in err) == (ExitCode.REFUSED, True)
    assert command("set", migration_id, "max_load.Threads_running=40")[0] is ExitCode.OK
    code, _, err = command("set", migration_id, "max_lag=40")
    assert code is ExitCode.REFUSED
    for name in ("max_lag_s", "max_load.VARIABLE", "cut_over_window"):
        assert name in err


def test_help_is_lines_and_not_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["schedule"]):
        assert tranship(words) is ExitCode.REFUSED
        assert len(capsys.readouterr().err.splitlines()) > 8


def test_a_move_from_beginning_to_clean_up(
    command: Command, table: str, shared_stack: Stack
) -> None:
    code, out, _ = command("move", *MOVE, "--table", table, "--wait")
    assert code is ExitCode.OK, shared_stack.logs()
    migration_id = out.split()[0]
    assert re.search(r"done; writes were refused for [\d,]+ ms: locks \d", out)
    for too_late in ("abort", "postpone", "cut-over", "resume"):
        code, _, err = command(too_late, migration_id)
        assert code is ExitCode.REFUSED, too_late
        assert "done" in err
    code, _, err = command("clean-up", migration_id)  # nobody is there to be asked
    assert (code, "--yes" in err) == (ExitCode.REFUSED, True)
    code, out, _ = command("clean-up", migration_id, "--yes")
    assert code is ExitCode.OK
    schema = table.split(".")[0]
    assert f"dropped: {schema}._t_del on {SOURCE}" in out
    code, out, _ = command("clean-up", migration_id, "--json")
    assert (code, json.loads(out)["dropped"]) == (ExitCode.OK, [])
    _, out, _ = command("status", migration_id)
    assert "(cleaned up, cut-over attempt 1)" in out
    assert "copied: all, 2 rows" in out
    assert "it is cleaned up" in out
    (line,) = [one for one in command("list")[1].splitlines() if migration_id in one]
    assert line.split("\t")[1:4:2] == ["done, cleaned up", "all"]


def test_a_table_is_not_announced_and_then_refused(
    command: Command, pools: Pools, table: str
) -> None:
    migration_id = begin_move(pools, table.split(".")[0], ["t"])
    with pools.begin(TARGET) as control:
        run(control, f"UPDATE tranship.migrations SET stage = 'done' WHERE id = '{migration_id}'")
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {table.replace('.t', '._t_del')} (id INT PRIMARY KEY)")
    code, out, err = command("clean-up", migration_id, "--yes")
    assert code is ExitCode.REFUSED
    assert "_t_del on old is not the table" in err
    assert out == ""


def changed(config_file: Path, tmp_path: Path, pattern: str, by: str) -> Path:
    """The configuration with one thing wrong in it."""
    path = tmp_path / "wrong.toml"
    text = config_file.read_text()
    path.write_text(re.sub(pattern, by, text, flags=re.M))
    assert path.read_text() != text
    return path


@pytest.mark.parametrize(
    ("pattern", "by", "code", "said"),
    [
        (r"^port = \d+$", "port = 1", ExitCode.RETRY, "127.0.0.1:1"),
        (r'^password = ".*"$', 'password = "s3cret"', ExitCode.REFUSED, "refuses the login"),
        (r"^tick_s = .*$", "tik_s = 1", ExitCode.REFUSED, "tik_s"),
        (r"^port = \d+$", "port = 99999", ExitCode.REFUSED, "port"),
        (r"^\[workers\]$", "[workers", ExitCode.REFUSED, "wrong.toml"),
    ],
)
def test_a_wrong_configuration_is_one_line_without_a_secret(
    command: Command, config_file: Path, tmp_path: Path, table: str,
    pattern: str, by: str, code: ExitCode, said: str,
) -> None:  # fmt: skip
    path = changed(config_file, tmp_path, pattern, by)
    got, _, err = command("--config", str(path), "doctor", *MOVE, "--table", table)
    assert (got, said in err) == (code, True), err
    assert "s3cret" not in err


def test_a_traceback_is_shown_only_when_asked_for(config_file: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "ops.cli.main",
        "--config",
        str(tmp_path / "none.toml"),
        "list",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    for debug, shown in ((False, False), (True, True)):
        arguments = [*command[:3], *(["--debug"] if debug else []), *command[3:]]
        done = subprocess.run(
            arguments, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == ExitCode.REFUSED
        assert ("Traceback" in done.stderr) is shown
        assert "none.toml. Create it, or name another one in $TRANSHIP_CONFIG" in done.stderr


def test_a_reader_that_goes_away_is_no_error(config_file: Path) -> None:
    environment = {
        **os.environ,
        "TRANSHIP_CONFIG": str(config_file),
        "PYTHONPATH": str(Path(__file__).resolve().parents[3]),
    }
    line = f"{sys.executable} -m ops.cli.main list | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("0", "")
