"""What every command shares: the Python API, created when it is first needed."""

from __future__ import annotations

from dataclasses import dataclass, field

import click

from ops.api import Tranship
from pipeline.mysql.pools import Pools


@dataclass
class Session:
    """One invocation of the command. Nothing is opened before it is needed."""

    _made: list[Tranship] = field(default_factory=list)

    @property
    def api(self) -> Tranship:
        if not self._made:
            self._made.append(Tranship(on_trouble=_say))
            click.get_current_context().call_on_close(self._made[0].close)
        return self._made[0]

    @property
    def pools(self) -> Pools:
        return self.api.pools


# Made by the command that asks for it: the group must not import what this needs.
pass_session = click.make_pass_decorator(Session, ensure=True)


def _say(trouble: str) -> None:
    click.echo(f"tranship: {trouble}", err=True)
