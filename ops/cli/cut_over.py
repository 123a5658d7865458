"""`cut-over`: lets a postponed cut-over happen."""

from __future__ import annotations

import click

from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session


@click.command("cut-over")
@MIGRATION_ID
@pass_session
def cut_over(session: Session, migration_id: str) -> None:
    """Let the cut-over happen as soon as the checksums have converged."""
    full_id = session.api.cut_over(migration_id)
    click.echo(f"{full_id}: cut-over allowed. See: tranship status {full_id} --watch")
