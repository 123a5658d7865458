"""`abort`: ends a migration, and may wait until the source has its tables back."""

from __future__ import annotations

import click

from ops.cli.answer import AS_JSON, answer, refuse_both
from ops.cli.exits import ExitCode
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session
from pipeline.domain.stages import Stage


@click.command()
@MIGRATION_ID
@click.option("--wait", is_flag=True, help="Follow until the source has its tables back.")
@AS_JSON
@pass_session
def abort(session: Session, migration_id: str, wait: bool, as_json: bool) -> ExitCode:
    """End a migration; the source has, or gets back, its tables."""
    refuse_both(as_json, wait)
    full_id = session.api.abort(migration_id)
    then = (f"tranship status {full_id} --watch", f"tranship clean-up {full_id}")
    answer(as_json, f"{full_id}: abort asked for.", migration=full_id, then=then)
    return session.follow(full_id, wanted=Stage.ABORTED) if wait else ExitCode.OK
