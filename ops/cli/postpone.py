"""`postpone`: holds the cut-over back."""

from __future__ import annotations

import click

from ops.cli.answer import AS_JSON, answer
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session


@click.command()
@MIGRATION_ID
@AS_JSON
@pass_session
def postpone(session: Session, migration_id: str, as_json: bool) -> None:
    """Hold the cut-over back until `cut-over` allows it."""
    full_id = session.api.postpone(migration_id)
    then = f"tranship cut-over {full_id}"
    text = f"{full_id}: postponed. When it may cut over: {then}"
    answer(as_json, text, migration=full_id, then=[then])
