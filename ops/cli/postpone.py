"""`postpone`: holds the cut-over back."""

from __future__ import annotations

import click

from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session


@click.command()
@MIGRATION_ID
@pass_session
def postpone(session: Session, migration_id: str) -> None:
    """Hold the cut-over back until `cut-over` allows it."""
    full_id = session.api.postpone(migration_id)
    click.echo(f"{full_id}: postponed. When it may cut over: tranship cut-over {full_id}")
