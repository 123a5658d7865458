"""`events`: what happened to a migration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from ops.cli.answer import AS_JSON, answer
from ops.cli.flags import say
from ops.cli.format import moment
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session

if TYPE_CHECKING:
    from pipeline.control.events import LoggedEvent


@click.command()
@MIGRATION_ID
@AS_JSON
@pass_session
def events(session: Session, migration_id: str, as_json: bool) -> None:
    """Print what happened to a migration, oldest first."""
    if as_json:
        _, full_id = session.api.find(migration_id)
        found = list(session.api.events(full_id))
        then = [f"tranship status {full_id}"]
        answer(as_json, "", migration=full_id, events=found, then=then)
        return
    print_events(session.api.events(migration_id))


def print_events(found: Iterable[LoggedEvent]) -> None:
    """A line for each."""
    for event in found:
        say(f"{moment(event.at)} {event.kind}: {event.message} [{event.by}]")
