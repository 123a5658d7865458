"""`throttle` and `unthrottle`: hold a migration back by hand, and let it go on."""

from __future__ import annotations

import click

from ops.cli.answer import AS_JSON, answer
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session


@click.command()
@MIGRATION_ID
@AS_JSON
@pass_session
def throttle(session: Session, migration_id: str, as_json: bool) -> None:
    """Hold copy and verification back until `unthrottle`."""
    full_id = session.api.throttle(migration_id)
    see = f"tranship unthrottle {full_id}"
    answer(as_json, f"{full_id}: throttled. To let it go on: {see}", migration=full_id, then=[see])


@click.command()
@MIGRATION_ID
@AS_JSON
@pass_session
def unthrottle(session: Session, migration_id: str, as_json: bool) -> None:
    """Take back what `throttle` asked for."""
    full_id = session.api.unthrottle(migration_id)
    see = f"tranship status {full_id}"
    answer(
        as_json,
        f"{full_id}: no longer throttled by hand. See: {see}",
        migration=full_id,
        then=[see],
    )
