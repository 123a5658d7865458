"""What every command shares: the Python API, imported and created when it is first needed.

So a command's module is light, and its help and the completion of its options are there at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from ops.cli.exits import ExitCode
from pipeline.domain.request import Request
from pipeline.domain.stages import Stage

if TYPE_CHECKING:
    from ops.api import Tranship
    from pipeline.mysql.pools import Pools


@dataclass
class Session:
    """One invocation of the command. Nothing is opened before it is needed."""

    _made: list[Tranship] = field(default_factory=list)

    @property
    def api(self) -> Tranship:
        if not self._made:
            from ops.api import Tranship

            self._made.append(Tranship(on_trouble=_say))
            click.get_current_context().call_on_close(self._made[0].close)
        return self._made[0]

    @property
    def pools(self) -> Pools:
        return self.api.pools

    def start(self, request: Request) -> str:
        """Start what is asked for; returns the migration's id."""
        from ops.notify import get_ready

        get_ready()
        return self.api.start(request)

    def follow(self, migration_id: str, wanted: Stage) -> ExitCode:
        """Show progress until the migration ends; exit code 0 only if it ends in `wanted`."""
        from ops.cli.follow import follow

        return follow(self.api, migration_id, wanted)


# Made by the command that asks for it: the group must not import what this needs.
pass_session = click.make_pass_decorator(Session, ensure=True)


def _say(trouble: str) -> None:
    click.echo(f"tranship: {trouble}", err=True)
