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
# Of these a command that only reads needs none: what sends and asks workers imports them.
_BROKER = {"celery", "kombu", "redis", "rich"}
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


def _modules_of(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{statement}\nprint(*sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_what_names_no_command_imports_none(argument: str) -> None:
    assert _imported(argument) & _HEAVY == set()


def test_a_command_is_imported_for_its_own_help_and_nothing_that_it_runs() -> None:
    imported = _imported("move", "--help")
    assert "ops.cli.move" in imported
    assert imported & _HEAVY == set()


def test_no_command_imports_the_pipeline_for_its_options() -> None:
    loads = "from ops.cli.main import cli\n" + "\n".join(
        f"cli.commands[{name!r}].load()" for name in sorted(cli.commands.keys() - _SERVE)
    )
    assert _modules_of(loads) & _HEAVY == set()


def test_what_reads_imports_neither_the_broker_nor_what_draws_in_a_terminal() -> None:
    imported = _modules_of("import ops.api, ops.cli.list_migrations, ops.cli.status")
    assert imported & _BROKER == set()


def test_no_json_column_is_prepared_before_a_value_is_read() -> None:
    """All of them take as long as the queries of a `list`, which reads few."""
    prepared = "from pipeline.control.types import _adapter; print(_adapter.cache_info().currsize)"
    done = subprocess.run(
        [sys.executable, "-c", f"import ops.api; {prepared}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "0\n"


@pytest.mark.parametrize("command", cli.commands.values(), ids=list(cli.commands))
def test_the_group_says_of_a_command_what_it_says_of_itself(command: click.Command) -> None:
    assert isinstance(command, LazyCommand)
    itself = loaded(command)
    assert (command.name, command.get_short_help_str(200)) == (
        itself.name,
        itself.get_short_help_str(200),
    )
