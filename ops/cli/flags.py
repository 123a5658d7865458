"""Spells options as the command line does.

The pipeline's messages spell the options of a request as Python does, between backticks:
`with_triggers=True`, `renames={'a': 'b'}`, `target_schema=`. This module prints them as flags of
the command: --with-triggers, --rename a=b, --target-schema. Which flag stands for which name is
read from the commands themselves.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

import click

from ops.cli.format import folded
from ops.cli.lazy import commands_of

_OPTION = re.compile(r"`(\w+)=([^`]*)`")


def say(text: str, *, err: bool = False) -> None:
    """Print a text that may come from the pipeline."""
    click.echo(folded(in_flags(text), err=err), err=err)


def in_flags(text: str, command: click.Command | None = None) -> str:
    """`text` with flags of `command` and its subcommands; by default of the running command."""
    if _OPTION.search(text) is None:  # then no command need be loaded
        return text
    flags = dict(_flags(command or click.get_current_context().find_root().command))

    def spelled(found: re.Match[str]) -> str:
        flag = flags.get(found[1])
        try:
            return found[0] if flag is None else _with_value(flag, found[2])
        except (ValueError, SyntaxError):  # some other text, and not an option of ours
            return found[0]

    return _OPTION.sub(spelled, text)


def _flags(command: click.Command) -> Iterator[tuple[str, str]]:
    for option in command.params:
        if isinstance(option, click.Option) and option.name is not None:
            yield option.name, option.opts[0]
    if isinstance(command, click.Group):
        for inner in commands_of(command).values():
            yield from _flags(inner)


def _with_value(flag: str, literal: str) -> str:
    """`flag`, once for each value in `literal`, quoted for a shell."""
    value = ast.literal_eval(literal) if literal else True
    if value is True:
        return flag
    values = [value]
    if isinstance(value, dict):
        values = [f"{key}={one}" for key, one in value.items()]
    elif isinstance(value, list):
        values = value
    return " ".join(f"{flag} {shlex.quote(str(one))}" for one in values)
