"""Every command's --help."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ops.cli.lazy import commands_of
from ops.cli.main import cli
from ops.dev.reference.markdown import code, head

_WIDTH = 96


def page() -> str:
    """docs/reference/command-line.md."""
    parts = [head("Command line", "ops/cli", _INTRODUCTION)]
    parts += [f"## {path}\n\n{code(text)}" for path, text in _helps(cli, "tranship", None)]
    return "\n".join(parts)


def _helps(
    command: click.Command, name: str, parent: click.Context | None
) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command, parent=parent, info_name=name, max_content_width=_WIDTH, terminal_width=_WIDTH,
        **command.context_settings,
    )  # fmt: skip
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for one, inner in sorted(commands_of(command).items()):
            yield from _helps(inner, one, context)


_INTRODUCTION = """
An ID can be shortened as long as it is unambiguous. A refusal is one line, and nothing was written;
`--debug` adds the traceback.
"""
