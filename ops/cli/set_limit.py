"""`set`: how much a migration may load the servers, while it runs."""

from __future__ import annotations

import click

from ops.cli.answer import AS_JSON, answer
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session
from pipeline.commands.settings import settable
from pipeline.errors import RefusedError

_SETTABLE = "\b\n" + "\n".join(f"{name:<22} {about}" for name, about in settable().items())


@click.command(
    "set", help=f"Set a limit for this migration alone; NAME= takes it back.\n\n{_SETTABLE}"
)
@MIGRATION_ID
@click.argument("limit", metavar="NAME=VALUE")
@AS_JSON
@pass_session
def set_limit(session: Session, migration_id: str, limit: str, as_json: bool) -> None:
    name, is_one, text = limit.partition("=")
    if not is_one:
        raise RefusedError(f"'{limit}' is not NAME=VALUE.", "NAME= takes back what was set.")
    full_id = session.api.set(migration_id, name.replace("-", "_"), text or None)
    answer(
        as_json, f"{full_id}: {name} is {text or 'as configured'}",
        migration=full_id, name=name, value=text or None, then=[f"tranship status {full_id}"],
    )  # fmt: skip
