"""`roll-back`: takes the way back of a move."""

from __future__ import annotations

import click

from ops.cli.doctor import report
from ops.cli.exits import ExitCode
from ops.cli.follow import follow
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session
from pipeline.domain.stages import Stage


@click.command("roll-back")
@MIGRATION_ID
@click.option("--dry-run", "dry", is_flag=True, help="Print findings; change nothing.")
@click.option("--wait", is_flag=True, help="Follow to the end; exit 0 only when it is done.")
@pass_session
def roll_back(session: Session, migration_id: str, dry: bool, wait: bool) -> ExitCode:
    """Give the old tables their names again, with all that was written since the switch.

    ID is that of the move. The roll-back is a migration of its own, whose id is printed: it can be
    postponed and aborted like any other, and rolled back.
    """
    if dry:
        found, findings = session.api.doctor_of_roll_back(migration_id)
        click.echo(f"{found} would cut over; how far it is: tranship status {found}")
        return report(findings)
    rolls_back = session.api.roll_back(migration_id)
    click.echo(rolls_back)
    return follow(session.api, rolls_back, wanted=Stage.DONE) if wait else ExitCode.OK
