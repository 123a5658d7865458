"""`throttle` and `unthrottle`: hold a migration back by hand, and let it go on."""

from __future__ import annotations

import click

from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session


@click.command()
@MIGRATION_ID
@pass_session
def throttle(session: Session, migration_id: str) -> None:
    """Hold copy and verification back until `unthrottle`."""
    full_id = session.api.throttle(migration_id)
    click.echo(f"{full_id}: throttled. To let it go on: tranship unthrottle {full_id}")


@click.command()
@MIGRATION_ID
@pass_session
def unthrottle(session: Session, migration_id: str) -> None:
    """Take back what `throttle` asked for."""
    full_id = session.api.unthrottle(migration_id)
    click.echo(f"{full_id}: no longer throttled by hand. See: tranship status {full_id}")
