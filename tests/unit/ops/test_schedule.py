"""A command in a schedule is read as the command itself reads it."""

from __future__ import annotations

import pytest

from ops.cli.main import cli
from ops.cli.move import move
from ops.cli.schedule import _parsed


def test_a_command_that_is_scheduled_keeps_its_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """click keeps the help option that a command's first context has asked for."""
    monkeypatch.setattr(move, "_help_option", None)
    command = ("move", "--source", "a", "--target", "b", "--table", "s.t")
    with cli.make_context("tranship", ["schedule"]) as root:
        _parsed(command)
        option = move.get_help_option(root)
    assert option is not None
    assert option.opts == ["-h", "--help"]
