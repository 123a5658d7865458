"""`events`: what happened to a migration."""

from __future__ import annotations

import click

from ops.cli.flags import say
from ops.cli.format import moment
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session


@click.command()
@MIGRATION_ID
@pass_session
def events(session: Session, migration_id: str) -> None:
    """Print what happened to a migration, oldest first."""
    for event in session.api.events(migration_id):
        say(f"{moment(event.at)} {event.kind}: {event.message} [{event.by}]")
