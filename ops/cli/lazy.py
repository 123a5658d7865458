"""Commands that are imported when they are run: `tranship --help` needs none of them.

The pipeline and SQLAlchemy take half a second of CPU to import. So the group holds stand-ins,
which know a command's name, where it is and the first sentence of its help. click makes a context
for a command to run it, to print its help or to complete its options; a stand-in then makes that
of the command itself. Its module in turn gets to the pipeline by the session only, when it runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click


class LazyCommand(click.Command):
    """Stands in for the command that is at `place`, "module:attribute"."""

    def __init__(self, name: str, place: str, about: str) -> None:
        super().__init__(name, help=about)
        self._place = place

    def load(self) -> click.Command:
        """The command itself."""
        module, _, attribute = self._place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        return self.load().make_context(info_name, args, parent, **extra)


def commands_of(group: click.Group) -> dict[str, click.Command]:
    """The commands of a group by name, loaded."""
    return {name: loaded(command) for name, command in group.commands.items()}


def loaded(command: click.Command) -> click.Command:
    """The command itself, if this stands in for one."""
    return command.load() if isinstance(command, LazyCommand) else command
