"""`throttle`, `unthrottle`, `set`: how much a migration may load the servers, while it runs."""

from __future__ import annotations

import click

from ops.cli.session import Session, pass_session, push, who
from pipeline.coordinate import control
from pipeline.errors import RefusedError

_ID = click.argument("migration_id", metavar="ID")


@click.command()
@_ID
@pass_session
def throttle(session: Session, migration_id: str) -> None:
    """Hold copy and verification back until `unthrottle`."""
    target, whole = session.find(migration_id)
    control.throttle(session.pools, target, whole, who())
    click.echo(f"{whole}: throttled. To let it go on: tranship unthrottle {whole}")


@click.command()
@_ID
@pass_session
def unthrottle(session: Session, migration_id: str) -> None:
    """Take back what `throttle` asked for."""
    target, whole = session.find(migration_id)
    control.unthrottle(session.pools, target, whole, who())
    click.echo(f"{whole}: not throttled by hand. See: tranship status {whole}")
    push(target, whole)


@click.command("set")
@_ID
@click.argument("limit", metavar="NAME=VALUE")
@pass_session
def set_(session: Session, migration_id: str, limit: str) -> None:
    """Set a limit of the throttle for this migration alone; NAME= takes it back.

    \b
    max_lag_s          seconds that a replica may be late
    max_history_list   InnoDB's history list length
    max_apply_lag_s    seconds that the stream may be behind
    nice_ratio         rest after each chunk, in times of what it took
    """
    name, _, text = limit.partition("=")
    try:
        value = float(text) if text else None
    except ValueError:
        raise RefusedError(f"'{limit}' is not NAME=VALUE.", "VALUE is a number.") from None
    target, whole = session.find(migration_id)
    control.set_limit(session.pools, target, whole, name.replace("-", "_"), value, who())
    click.echo(f"{whole}: {name} is {text or 'as configured'}")
