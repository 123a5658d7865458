"""`throttle`, `unthrottle`, `set`: how much a migration may load the servers, while it runs."""

from __future__ import annotations

import click

from ops.cli.session import Session, pass_session
from pipeline.commands.settings import settable
from pipeline.errors import RefusedError

_ID = click.argument("migration_id", metavar="ID")
_SETTABLE = "\b\n" + "\n".join(f"{name:<22} {about}" for name, about in settable().items())


@click.command()
@_ID
@pass_session
def throttle(session: Session, migration_id: str) -> None:
    """Hold copy and verification back until `unthrottle`."""
    whole = session.api.throttle(migration_id)
    click.echo(f"{whole}: throttled. To let it go on: tranship unthrottle {whole}")


@click.command()
@_ID
@pass_session
def unthrottle(session: Session, migration_id: str) -> None:
    """Take back what `throttle` asked for."""
    whole = session.api.unthrottle(migration_id)
    click.echo(f"{whole}: not throttled by hand. See: tranship status {whole}")


@click.command(
    "set", help=f"Set a limit for this migration alone; NAME= takes it back.\n\n{_SETTABLE}"
)
@_ID
@click.argument("limit", metavar="NAME=VALUE")
@pass_session
def set_(session: Session, migration_id: str, limit: str) -> None:
    name, is_one, text = limit.partition("=")
    if not is_one:
        raise RefusedError(f"'{limit}' is not NAME=VALUE.", "NAME= takes back what was set.")
    whole = session.api.set(migration_id, name.replace("-", "_"), text or None)
    click.echo(f"{whole}: {name} is {text or 'as configured'}")
