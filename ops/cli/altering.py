"""`alter`: rebuilds a table in place, or lets the server change it at once where it can."""

from __future__ import annotations

from typing import Any

import click

from ops.cli.durations import DURATION
from ops.cli.exits import ExitCode
from ops.cli.moving import (
    Asked,
    begin,
    chosen_hooks,
    chosen_window,
    start_options,
    table_name,
)
from ops.cli.session import Session, pass_session
from pipeline.configuration.load import server_settings
from pipeline.control.records import Options
from pipeline.errors import RefusedError
from pipeline.preflight.findings import Request
from pipeline.rebuild.instant import alter_at_once
from pipeline.rebuild.plan import Alteration


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
    "--lock-timeout", type=click.FloatRange(min=1), metavar="SECONDS",
    help="How long the cut-over may wait for its lock, and hold it; otherwise 3.",
)  # fmt: skip
@click.option(
    "--force-after", type=DURATION, metavar="DURATION",
    help="Kill what blocks the cut-over once it has been tried for that long (10m, 2h).",
)  # fmt: skip
@start_options
@click.argument("change", metavar="CHANGE")
@pass_session
def alter(session: Session, /, try_instant: bool, dry: bool, wait: bool, **given: Any) -> ExitCode:
    """Rebuild a table in place; prints the migration's id.

    CHANGE is what follows the table's name in ALTER TABLE: "ADD COLUMN c INT, DROP INDEX i".
    """
    asked = asked_of_alter(session, **given)
    if try_instant and not dry:
        done = alter_at_once(session.pools, asked.request, asked.options.lock_timeout_s)
        if done is not None:
            click.echo(f"done at once ({done}); nothing was copied")
            return ExitCode.OK
        click.echo("the server can't do it at once: rebuilding the table", err=True)
    return begin(session, asked, dry=dry, wait=wait)


def asked_of_alter(
    session: Session, server: str, table: str, renames: tuple[str, ...],
    accepted: tuple[str, ...], with_triggers: bool, json_as_text: bool,
    lock_timeout: float | None, force_after: float | None, postpone_cut_over: bool,
    window: str | None, hooks: tuple[str, ...], chunk_rows: int | None, change: str,
) -> Asked:  # fmt: skip
    """What the options of `alter` ask for.

    Raises:
        RefusedError: one of them is wrong.
    """
    server_settings(session.pools.settings, server)
    pairs = tuple(_rename(text) for text in renames)
    request = Request(
        server, server, (table_name(table),), with_triggers=with_triggers,
        json_as_text=json_as_text, alteration=Alteration(change, pairs, accepted),
        force=force_after is not None,
    )  # fmt: skip
    options = Options(
        chosen_hooks(hooks), chunk_rows, with_triggers, json_as_text, lock_timeout, force_after,
        chosen_window(window),
    )  # fmt: skip
    return Asked(request, options, postpone_cut_over)


def _rename(text: str) -> tuple[str, str]:
    old, _, new = text.partition("=")
    if not old or not new:
        raise RefusedError(f"--rename '{text}' is not OLD=NEW.", "Name both columns.")
    return old, new
