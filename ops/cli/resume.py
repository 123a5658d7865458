"""`resume`: goes on after a failure whose cause is gone."""

from __future__ import annotations

import click

from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session


@click.command()
@MIGRATION_ID
@click.option(
    "--json-as-text", is_flag=True,
    help="From now on accept what JSON documents become as text, as in a dump.",
)  # fmt: skip
@pass_session
def resume(session: Session, migration_id: str, json_as_text: bool) -> None:
    """Go on with a failed migration, from the stage in which it failed."""
    full_id = session.api.resume(migration_id, json_as_text=json_as_text)
    click.echo(f"{full_id}: resumed. See: tranship status {full_id} --watch")
