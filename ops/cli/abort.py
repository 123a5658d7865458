"""`abort`: ends a migration, and may wait until the source has its tables back."""

from __future__ import annotations

import click

from ops.cli.exits import ExitCode
from ops.cli.follow import follow
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session
from pipeline.domain.stages import Stage


@click.command()
@MIGRATION_ID
@click.option("--wait", is_flag=True, help="Follow until the source has its tables back.")
@pass_session
def abort(session: Session, migration_id: str, wait: bool) -> ExitCode:
    """End a migration; the source has, or gets back, its tables."""
    full_id = session.api.abort(migration_id)
    click.echo(f"{full_id}: abort asked for.")
    return follow(session.api, full_id, wanted=Stage.ABORTED) if wait else ExitCode.OK
