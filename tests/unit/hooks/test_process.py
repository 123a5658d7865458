"""Hooks: no shell, no secret of ours, an end in time; an operator's mistake is an answer."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.hooks.process import HookResult, run_hook
from tests.support.moves import wait_until

ENVIRONMENT = {"TRANSHIP_HOOK": "on-success", "TRANSHIP_HOOK_ATTEMPT": "2"}


def nothing() -> None:
    return None


def python(program: str) -> str:
    return shlex.join([sys.executable, "-c", program])


def run(command: str, limit_s: float = 30, still_ours: Callable[[], None] = nothing) -> HookResult:
    return run_hook(command, ENVIRONMENT, limit_s, still_ours)


def environment_of_a_hook() -> dict[str, str]:
    found: dict[str, str] = json.loads(
        run(python("import json, os; print(json.dumps(dict(os.environ)))")).output
    )
    return found


def alive(pid: int) -> bool:
    """Whether a process still runs; one that has ended and is not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_hook_that_succeeds_says_so_with_what_it_wrote() -> None:
    program = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
    result = run(python(program))
    assert result == HookResult(0, "out\nerr")
    assert result.succeeded


def test_a_hook_that_fails_hands_its_code_on() -> None:
    result = run(python("import sys; sys.exit(7)"))
    assert (result.exit_code, result.succeeded) == (7, False)


def test_a_hook_that_dies_of_a_signal_has_not_succeeded() -> None:
    assert not run(python("import os; os.kill(os.getpid(), 9)")).succeeded


@pytest.mark.parametrize("text", ["; touch {}", "$(touch {})", "`touch {}`", "> {}", "&& touch {}"])
def test_no_shell_reads_the_command(tmp_path: Path, text: str) -> None:
    marker = tmp_path / "marker"
    result = run(f"{shlex.quote(sys.executable)} -c 'import sys; print(sys.argv[1:])' "
                 + text.format(marker))  # fmt: skip
    assert result.succeeded
    assert text.split()[0].format(marker)[:2] in result.output
    assert not marker.exists()


def test_a_variable_in_the_command_is_not_filled_in() -> None:
    assert run("echo $TRANSHIP_HOOK ~ *").output == "$TRANSHIP_HOOK ~ *"


def test_quotes_hold_an_argument_together() -> None:
    assert run(f"{sys.executable} -c 'print(1 + 1)'").output == "2"


@pytest.mark.parametrize("command", ["/nowhere/hook", "'never closed", "/tmp"])
def test_a_command_that_cannot_start_is_an_answer_and_no_crash(command: str) -> None:
    result = run(command)
    assert result.exit_code == 127
    assert "can't be started" in result.output
    assert not result.succeeded


def test_a_hook_gets_its_own_variables() -> None:
    assert ENVIRONMENT.items() <= environment_of_a_hook().items()


@pytest.mark.parametrize(
    "name",
    [
        "OLD_PASSWORD", "MYSQL_PWD", "FLOWER_BASIC_AUTH", "AWS_SECRET_ACCESS_KEY",
        "TRANSHIP_SERVERS__OLD__PASSWORD", "TRANSHIP_BROKER__URL", "LD_PRELOAD_OF_OURS",
    ],
)  # fmt: skip
def test_no_secret_of_the_coordinator_reaches_a_hook(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "s3cret")
    found = environment_of_a_hook()
    assert name not in found
    assert "s3cret" not in found.values()


def test_nothing_but_what_is_listed_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSHIP_CONFIG", "/etc/tranship.toml")
    passed = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TRANSHIP_CONFIG", *ENVIRONMENT}
    python_sets = {"LC_CTYPE"}  # an interpreter that finds no locale coerces it
    assert set(environment_of_a_hook()) - python_sets <= passed
    assert environment_of_a_hook()["TRANSHIP_CONFIG"] == "/etc/tranship.toml"
    assert environment_of_a_hook()["PATH"] == os.environ["PATH"]


def test_a_hook_cannot_wait_for_input() -> None:
    assert run(python("import sys; print(repr(sys.stdin.read()))")).output == "''"


def test_the_time_limit_ends_a_hook_and_its_children() -> None:
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    started = time.monotonic()
    result = run(python(program), limit_s=1.5)
    assert time.monotonic() - started < 10
    assert result.exit_code == 124
    wait_until(lambda: not alive(int(result.output)), "the hook's child ends too", limit_s=5)


def test_a_hook_that_ignores_signals_ends_in_time() -> None:
    program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    started = time.monotonic()
    assert run(python(program), limit_s=0.5).exit_code == 124
    assert time.monotonic() - started < 10


def test_the_lease_is_kept_while_a_hook_runs() -> None:
    asked: list[float] = []
    run(python("import time; time.sleep(0.5)"), still_ours=lambda: asked.append(time.monotonic()))
    assert len(asked) > 2


def test_a_hook_is_killed_when_the_lease_is_lost(tmp_path: Path) -> None:
    mark = tmp_path / "pid"

    def lost() -> None:
        if mark.exists() and mark.read_text():
            raise RuntimeError("fenced")

    program = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(60)"
    )
    with pytest.raises(RuntimeError, match="fenced"):
        run(python(program), still_ours=lost)
    assert not alive(int(mark.read_text()))


def test_much_output_neither_blocks_a_hook_nor_fills_the_control_schema() -> None:
    result = run(python("print('x' * 5_000_000); print('the end')"))
    assert result.succeeded
    assert len(result.output) <= 4000
    assert result.output.endswith("the end")


def test_output_that_is_no_text_is_shown_all_the_same() -> None:
    result = run(python(r"import sys; sys.stdout.buffer.write(b'a\xffb')"))
    assert result == HookResult(0, "a\N{REPLACEMENT CHARACTER}b")


@pytest.mark.parametrize("command", ["", "  "])
def test_an_empty_command_is_an_answer_and_no_crash(command: str) -> None:
    assert run(command).exit_code == 127


def test_a_child_left_in_the_background_does_not_hold_the_hook_up() -> None:
    program = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(8)'])\n"
        "print('done', flush=True)"
    )
    started = time.monotonic()
    assert run(python(program)) == HookResult(0, "done")
    assert time.monotonic() - started < 6
