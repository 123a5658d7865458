"""`clean-up`: says what an ended migration has left behind, and drops it."""

from __future__ import annotations

import time

import click

from ops.cli.format import amount
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session
from pipeline.commands.clean_up import Leftover, leftovers

_SAY_S = 10.0


@click.command("clean-up")
@MIGRATION_ID
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option(
    "--no-batches", is_flag=True, help="Drop the tables without emptying them in batches."
)
@pass_session
def clean_up(session: Session, migration_id: str, yes: bool, no_batches: bool) -> None:
    """Drop what an ended migration has left behind, gently.

    Rows are deleted in batches, with a pause after each, before a table is dropped. If it is
    interrupted, call it again: it goes on where it was.
    """
    target, full_id = session.api.find(migration_id)
    there = leftovers(session.pools, target, full_id)
    for one in there:
        click.echo(f"will be dropped: {_said(one)}")
    if not there:
        click.echo("no table will be dropped, only the migration's records")
    if not yes:
        click.confirm("Go on?", abort=True)
    gently = None if no_batches else _Deleted()
    for what in session.api.clean_up(full_id, gently):
        click.echo(f"dropped: {what}")
    click.echo(f"{full_id}: cleaned up.")


class _Deleted:
    """Reports from time to time how many rows are deleted."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, rows: int) -> None:
        if time.monotonic() - self._said > _SAY_S:
            self._said = time.monotonic()
            click.echo(f"{amount(rows, 'row')} deleted")


def _said(leftover: Leftover) -> str:
    what = "the old table; the new one stays" if leftover.retired else "the unfinished copy"
    return f"{leftover} ({what})"
