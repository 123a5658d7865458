"""`clean-up`: says what an ended migration has left behind, and drops it."""

from __future__ import annotations

import time

import click

from ops.cli.format import amount
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session
from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import read_migration
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.stages import ENDED, Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools

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
    leftovers = _leftovers(session.pools, target, full_id)
    for what in leftovers:
        click.echo(f"will be dropped: {what}")
    if not leftovers:
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
    if table.created_by_us:
        return f"{table.target} on {migration.target} (the unfinished copy)"
    return ""
