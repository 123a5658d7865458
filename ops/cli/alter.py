"""`alter`: rebuilds a table in place, or lets the server change it at once where it can."""

from __future__ import annotations

from typing import Any

import click

from ops.cli.answer import answer
from ops.cli.durations import DURATION
from ops.cli.exits import ExitCode
from ops.cli.move import begin
from ops.cli.options import start_options, way_back_option
from ops.cli.requests import parse_alter
from ops.cli.session import Session, pass_session
from pipeline.errors import RefusedError


def _refuse_deferred(*given: Any) -> None:
    if given[-1]:
        raise RefusedError(
            "--defer-secondary-indexes is for a move. Replicas replay an added index as one"
            " statement, behind which they stand still, and a throttle can't hold it back: what an"
            " alter on a server in use is there to avoid.",
            "Leave it out.",
        )


not_deferred = click.option(
    "--defer-secondary-indexes", is_flag=True, hidden=True, expose_value=False,
    callback=_refuse_deferred,
)  # fmt: skip


@click.command()
@click.option("--server", required=True, metavar="S", help="Server that the table is on.")
@click.option("--table", required=True, metavar="SCHEMA.TABLE", help="The table to change.")
@click.option(
    "--rename", "renames", multiple=True, metavar="OLD=NEW",
    help="Confirm that the change renames a column.",
)  # fmt: skip
@click.option(
    "--accept", "accepted", multiple=True, metavar="COLUMN",
    help="Take what the server makes of this column's values, rounded or cut as it may be.",
)  # fmt: skip
@click.option(
    "--try-instant", is_flag=True, help="If the server can change it at once, have it do so."
)
@click.option("--with-triggers", is_flag=True, help="Make the table's triggers on the new one.")
@click.option(
    "--json-as-text", is_flag=True,
    help="Let DECIMAL, dates and binary inside JSON become what their text says.",
)  # fmt: skip
@click.option(
    "--lock-timeout", "lock_timeout_s", type=click.FloatRange(min=1), metavar="SECONDS",
    help="How long the cut-over may wait for its lock, and hold it; otherwise 3.",
)  # fmt: skip
@click.option(
    "--force-after", "force_after_s", type=DURATION, metavar="DURATION",
    help="Kill what blocks the cut-over once it has been tried for that long (10m, 2h).",
)  # fmt: skip
@way_back_option
@not_deferred
@start_options
@click.argument("change", metavar="CHANGE")
@pass_session
def alter(
    session: Session, /, try_instant: bool, dry: bool, wait: bool, as_json: bool, **given: Any
) -> ExitCode:
    """Rebuild a table in place; prints the migration's id.

    CHANGE is what follows the table's name in ALTER TABLE: "ADD COLUMN c INT, DROP INDEX i".
    """
    request = parse_alter(**given)
    if try_instant and not dry:
        done = session.api.try_instant(request)
        if done is not None:
            said = f"done at once ({done}); nothing was copied"
            answer(as_json, said, migration=None, algorithm=done)
            return ExitCode.OK
        click.echo("the server can't do it at once: rebuilding the table", err=True)
    return begin(session, request, dry=dry, wait=wait, as_json=as_json)
