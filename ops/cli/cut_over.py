"""`cut-over`: lets a postponed cut-over happen, and may wait until it has."""

from __future__ import annotations

import click

from ops.cli.answer import AS_JSON, answer, refuse_both
from ops.cli.exits import ExitCode
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session
from pipeline.domain.stages import Stage


@click.command("cut-over")
@MIGRATION_ID
@click.option("--wait", is_flag=True, help="Follow to the end; exit 0 only when it is done.")
@AS_JSON
@pass_session
def cut_over(session: Session, migration_id: str, wait: bool, as_json: bool) -> ExitCode:
    """Let the cut-over happen as soon as the checksums have converged."""
    refuse_both(as_json, wait)
    full_id = session.api.cut_over(migration_id)
    see = f"tranship status {full_id} --watch"
    answer(as_json, f"{full_id}: cut-over allowed. See: {see}", migration=full_id, then=[see])
    return session.follow(full_id, wanted=Stage.DONE) if wait else ExitCode.OK
