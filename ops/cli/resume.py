"""`resume`: goes on after a failure whose cause is gone, or is taken away with it."""

from __future__ import annotations

import click

from ops.cli.answer import AS_JSON, answer
from ops.cli.options import MIGRATION_ID
from ops.cli.requests import parse_hooks
from ops.cli.session import Session, pass_session


@click.command()
@MIGRATION_ID
@click.option(
    "--json-as-text", is_flag=True,
    help="From now on accept what JSON documents become as text, as in a dump.",
)  # fmt: skip
@click.option(
    "--hook", "hooks", multiple=True, metavar="NAME=COMMAND",
    help="From now on run this command as the hook NAME; repeat for several.",
)  # fmt: skip
@click.option(
    "--skip-hook", "skip_hooks", multiple=True, metavar="NAME",
    help="From now on don't run the hook NAME; repeat for several.",
)  # fmt: skip
@AS_JSON
@pass_session
def resume(
    session: Session,
    migration_id: str,
    json_as_text: bool,
    hooks: tuple[str, ...],
    skip_hooks: tuple[str, ...],
    as_json: bool,
) -> None:
    """Go on with a migration that has failed, or whose hook fails."""
    full_id = session.api.resume(
        migration_id,
        json_as_text=json_as_text,
        hooks={str(name): command for name, command in parse_hooks(hooks).items()},
        skip_hooks=skip_hooks,
    )
    see = f"tranship status {full_id} --watch"
    answer(as_json, f"{full_id}: resumed. See: {see}", migration=full_id, then=[see])
