"""`clean-up`: says what an ended migration has left behind, and drops it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from ops.cli.answer import AS_JSON, answer
from ops.cli.format import amount, moment
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session

if TYPE_CHECKING:
    from pipeline.commands.clean_up import Leftover

_SAY_S = 10.0


@click.command("clean-up")
@MIGRATION_ID
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option(
    "--no-batches", is_flag=True, help="Drop the tables without emptying them in batches."
)
@AS_JSON
@pass_session
def clean_up(
    session: Session, migration_id: str, yes: bool, no_batches: bool, as_json: bool
) -> None:
    """Drop what an ended migration has left behind, gently.

    Rows are deleted in batches, with a pause after each, before a table is dropped. If it is
    interrupted, call it again: it goes on where it was.
    """
    progress = session.api.status(migration_id)
    if progress.cleaned_at is not None:
        text = f"{progress.id}: cleaned up already, at {moment(progress.cleaned_at)}."
        answer(as_json, text, migration=progress.id, dropped=[])
        return
    there = session.api.leftovers(progress.id)
    if not yes and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("It asks before it drops, and nobody is there to answer: --yes.")
    if not as_json:
        _print(there)
    if not yes:
        click.confirm("Go on?", abort=True)
    tell = _silent if as_json else _Deleted()
    dropped = session.api.clean_up(progress.id, None if no_batches else tell)
    lines = [*(f"dropped: {what}" for what in dropped), f"{progress.id}: cleaned up."]
    answer(as_json, "\n".join(lines), migration=progress.id, dropped=dropped)


def _silent(_: int) -> None:
    """Rows are deleted in batches, and nobody reads how many."""


class _Deleted:
    """Reports from time to time how many rows are deleted."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, rows: int) -> None:
        if time.monotonic() - self._said > _SAY_S:
            self._said = time.monotonic()
            click.echo(f"{amount(rows, 'row')} deleted")


def _print(there: list[Leftover]) -> None:
    for one in there:
        what = "the old table; the new one stays" if one.retired else "the unfinished copy"
        click.echo(f"will be dropped: {one} ({what})")
    if not there:
        click.echo("no table will be dropped, only the migration's records")
