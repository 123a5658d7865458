"""Every command's --help."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ops.cli.main import cli
from ops.reference.markdown import code, head

_WIDTH = 96


def page() -> str:
    """docs/reference/command-line.md."""
    parts = [head("Command line", "ops/cli", _INTRODUCTION)]
    parts += [f"## {path}\n\n{code(text)}" for path, text in _helps(cli, "tranship")]
    return "\n".join(parts)


def _helps(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    with click.Context(
        command, info_name=path, max_content_width=_WIDTH, terminal_width=_WIDTH
    ) as context:
        yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _helps(command.commands[name], f"{path} {name}")


_INTRODUCTION = """
An ID may be shortened to a beginning that is its alone. What is refused is one line, and nothing
was written; `--debug` adds the traceback.
"""
