"""What a person may ask of a migration that is under way: one command each."""

from __future__ import annotations

import time

import click

from ops.cli.exits import ExitCode
from ops.cli.following import follow
from ops.cli.session import Session, pass_session
from ops.cli.wording import amount
from pipeline.control.migrations import ENDED, read_migration, read_tables
from pipeline.domain.migration import Migration, MigrationKind, MigrationTable
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools

_SAY_S = 10.0
_ID = click.argument("migration_id", metavar="ID")


@click.command("cut-over")
@_ID
@pass_session
def cut_over(session: Session, migration_id: str) -> None:
    """Let the cut-over happen as soon as the checksums have converged."""
    whole = session.api.cut_over(migration_id)
    click.echo(f"{whole}: cut-over allowed. See: tranship status {whole} --watch")


@click.command()
@_ID
@pass_session
def postpone(session: Session, migration_id: str) -> None:
    """Hold the cut-over back until `cut-over` allows it."""
    whole = session.api.postpone(migration_id)
    click.echo(f"{whole}: postponed. When it may cut over: tranship cut-over {whole}")


@click.command()
@_ID
@click.option("--wait", is_flag=True, help="Follow until the source has its tables back.")
@pass_session
def abort(session: Session, migration_id: str, wait: bool) -> ExitCode:
    """End a migration; the source has, or gets back, its tables."""
    whole = session.api.abort(migration_id)
    click.echo(f"{whole}: abort asked for.")
    return follow(session.api, whole, wanted=Stage.ABORTED) if wait else ExitCode.OK


@click.command()
@_ID
@click.option(
    "--json-as-text", is_flag=True,
    help="From now on accept what JSON documents become as text, as in a dump.",
)  # fmt: skip
@pass_session
def resume(session: Session, migration_id: str, json_as_text: bool) -> None:
    """Go on with a migration that failed, from the stage it failed in."""
    whole = session.api.resume(migration_id, json_as_text=json_as_text)
    click.echo(f"{whole}: resumed. See: tranship status {whole} --watch")


@click.command("clean-up")
@_ID
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--at-once", is_flag=True, help="Drop the tables without emptying them in batches.")
@pass_session
def clean_up(session: Session, migration_id: str, yes: bool, at_once: bool) -> None:
    """Drop what a migration that has ended left behind, gently.

    Rows are deleted in batches, with a rest after each, before a table is dropped. Interrupted,
    it goes on where it was when it is called again.
    """
    target, whole = session.api.find(migration_id)
    leftovers = _leftovers(session.pools, target, whole)
    for what in leftovers:
        click.echo(f"will be dropped: {what}")
    if not leftovers:
        click.echo("no table will be dropped, only the migration's own notes")
    if not yes:
        click.confirm("Go on?", abort=True)
    gently = None if at_once else _Deleted()
    for what in session.api.clean_up(whole, gently):
        click.echo(f"dropped: {what}")
    click.echo(f"{whole}: cleaned up.")


class _Deleted:
    """Says from time to time how far it is."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, rows: int) -> None:
        if time.monotonic() - self._said > _SAY_S:
            self._said = time.monotonic()
            click.echo(f"{amount(rows, 'row')} deleted")


def _leftovers(pools: Pools, target: str, migration_id: str) -> list[str]:
    """What `clean_up` is about to drop.

    Raises:
        RefusedError: the migration has not ended.
    """
    with pools.begin(target) as connection:
        migration = read_migration(connection, migration_id)
        tables = read_tables(connection, migration_id)
    if migration.stage not in ENDED:
        raise RefusedError(
            f"Migration {migration_id} is {migration.stage}; only one that has ended can be"
            " cleaned up.",
            f"End it first: tranship abort {migration_id}",
        )
    return [what for one in tables if (what := _leftover(migration, one))]


def _leftover(migration: Migration, table: MigrationTable) -> str:
    if migration.stage is Stage.DONE:
        return f"{table.retired_name} on {migration.source} (the old table; the new one stays)"
    if table.created_by_us and migration.kind is MigrationKind.MOVE:
        return f"{table.target} on {migration.target} (the unfinished copy)"
    return ""
