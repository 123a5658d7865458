"""What is installed: `tranship` offers its names cheaply, and no package of ours is missing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tranship
from ops.cli.lazy import commands_of
from ops.cli.main import cli

_ROOT = Path(__file__).resolve().parents[2]
_CHEAP = """
import sys, tranship
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"ops", "pipeline", "celery"}))
from tranship import Tranship
print(Tranship.__module__)
"""


def test_importing_tranship_costs_nothing_and_needs_no_configuration(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CHEAP], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "\nops.api\n"


@pytest.mark.parametrize("name", tranship.__all__)
def test_no_name_is_promised_that_is_not_there(name: str) -> None:
    assert getattr(tranship, name).__name__ == name


def test_a_name_that_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Tranships'"):
        _ = tranship.Tranships


def test_no_package_is_missing_from_the_wheel_and_no_developers_tool_is_in_it() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    wanted = {
        ".".join(path.parent.relative_to(_ROOT).parts)
        for top in ("tranship", "ops", "workers", "tasks", "pipeline")
        for path in (_ROOT / top).rglob("__init__.py")
    }
    wanted = {name for name in wanted if not name.startswith("ops.dev")}
    assert set(project["tool"]["setuptools"]["packages"]) == wanted


def test_every_command_is_in_a_file_of_its_name() -> None:
    shared = {"unthrottle": "throttle", "set": "set_limit", "list": "list_migrations"}
    for name, command in commands_of(cli).items():
        assert command.callback is not None
        wanted = shared.get(name, name.replace("-", "_"))
        assert command.callback.__module__ == f"ops.cli.{wanted}"
