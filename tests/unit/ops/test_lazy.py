"""Help answers at once: it imports no command, and yet says what the commands say."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from ops.cli.lazy import LazyCommand, loaded
from ops.cli.main import cli

_HEAVY = {
    "celery", "kombu", "ops.api", "pipeline.commands", "prometheus_client", "pydantic", "pymysql",
    "rich", "sqlalchemy",
}  # fmt: skip
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


def test_a_command_is_imported_for_its_own_help() -> None:
    assert {"ops.cli.move", "sqlalchemy"} <= _imported("move", "--help")
    assert "prometheus_client" not in _imported("move", "--help")


@pytest.mark.parametrize("command", cli.commands.values(), ids=list(cli.commands))
def test_the_group_says_of_a_command_what_it_says_of_itself(command: click.Command) -> None:
    assert isinstance(command, LazyCommand)
    itself = loaded(command)
    assert (command.name, command.get_short_help_str(200)) == (
        itself.name,
        itself.get_short_help_str(200),
    )
