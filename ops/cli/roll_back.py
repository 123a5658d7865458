"""`roll-back`: takes the way back of a move or an alter."""

from __future__ import annotations

import click

from ops.cli.answer import AS_JSON, answer, refuse_both
from ops.cli.doctor import code_of, findings_as_json, report
from ops.cli.exits import ExitCode
from ops.cli.options import MIGRATION_ID, cut_over_window_option
from ops.cli.session import Session, pass_session
from pipeline.domain.stages import Stage


@click.command("roll-back")
@MIGRATION_ID
@click.option("--dry-run", "dry", is_flag=True, help="Print findings; change nothing.")
@click.option(
    "--postpone", is_flag=True, help="Cut over only after `tranship cut-over`, however late."
)
@cut_over_window_option
@click.option("--wait", is_flag=True, help="Follow to the end; exit 0 only when it is done.")
@AS_JSON
@pass_session
def roll_back(
    session: Session,
    migration_id: str,
    dry: bool,
    postpone: bool,
    cut_over_window: str | None,
    wait: bool,
    as_json: bool,
) -> ExitCode:
    """Give the old tables their names again, with all that was written since the switch.

    ID is that of the move or the alter. The roll-back is a migration of its own, whose id is
    printed: it can be postponed and aborted like any other, and rolled back.
    """
    refuse_both(as_json, wait)
    if dry:
        found, findings = session.api.doctor_of_roll_back(migration_id)
        see = f"tranship status {found}"
        if as_json:
            found_as_json = findings_as_json(findings)["findings"]
            answer(as_json, "", migration=found, findings=found_as_json, then=[see])
            return code_of(findings)
        click.echo(f"{found} would cut over; how far it is: {see}")
        return report(findings)
    rolls_back = session.api.roll_back(
        migration_id, postpone=postpone, cut_over_window=cut_over_window
    )
    then = [f"tranship cut-over {rolls_back}"] if postpone else []
    see = f"tranship status {rolls_back} --watch"
    answer(as_json, rolls_back, migration=rolls_back, then=[*then, see])
    return session.follow(rolls_back, wanted=Stage.DONE) if wait else ExitCode.OK
