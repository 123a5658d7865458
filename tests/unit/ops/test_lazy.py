"""Help answers at once: nothing is imported for it that only running takes, and it is the same."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from ops.cli.lazy import LazyCommand, loaded
from ops.cli.main import cli

_HEAVY = {
    "celery", "kombu", "ops.api", "pipeline.commands", "pipeline.preflight.registry",
    "prometheus_client", "pydantic", "pymysql", "sqlalchemy",
}  # fmt: skip
# They need more for their options, or are no command that somebody waits for.
_SERVE = {"dashboard", "metrics", "set", "worker"}
_IMPORTED = """
import sys
from ops.cli.main import run
code = run(sys.argv[1:])
print(code.name, *sorted(sys.modules), file=sys.stderr)
"""


def _imported(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTED, *arguments], capture_output=True, text=True, check=True
    )
    code, *modules = done.stderr.splitlines()[-1].split()
    assert code == "OK"
    return set(modules)


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_what_names_no_command_imports_none(argument: str) -> None:
    assert _imported(argument) & _HEAVY == set()


def test_a_command_is_imported_for_its_own_help_and_nothing_that_it_runs() -> None:
    imported = _imported("move", "--help")
    assert "ops.cli.move" in imported
    assert imported & _HEAVY == set()


def test_no_command_imports_the_pipeline_for_its_options() -> None:
    loads = "import sys; from ops.cli.main import cli\n" + "\n".join(
        f"cli.commands[{name!r}].load()" for name in sorted(cli.commands.keys() - _SERVE)
    )
    print_modules = "print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"{loads}\n{print_modules}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(done.stdout.split()) & _HEAVY == set()


@pytest.mark.parametrize("command", cli.commands.values(), ids=list(cli.commands))
def test_the_group_says_of_a_command_what_it_says_of_itself(command: click.Command) -> None:
    assert isinstance(command, LazyCommand)
    itself = loaded(command)
    assert (command.name, command.get_short_help_str(200)) == (
        itself.name,
        itself.get_short_help_str(200),
    )
