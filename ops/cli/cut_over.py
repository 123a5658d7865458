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
    whole = session.api.cut_over(migration_id)
    click.echo(f"{whole}: cut-over allowed. See: tranship status {whole} --watch")
