"""`clean-up`: says what an ended migration has left behind, and drops it."""

from __future__ import annotations

import sys
import time

import click

from ops.cli.answer import AS_JSON, answer
from ops.cli.format import amount, moment
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
@AS_JSON
@pass_session
def clean_up(
    session: Session, migration_id: str, yes: bool, no_batches: bool, as_json: bool
) -> None:
    """Drop what an ended migration has left behind, gently.

    Rows are deleted in batches, with a pause after each, before a table is dropped. If it is
    interrupted, call it again: it goes on where it was.
    """
    target, full_id = session.api.find(migration_id)
    migration, tables = _read(session.pools, target, full_id)
    if migration.cleaned_at is not None:
        text = f"{full_id}: cleaned up already, at {moment(migration.cleaned_at)}."
        answer(as_json, text, migration=full_id, dropped=[])
        return
    if not yes and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("It asks before it drops, and nobody is there to answer: --yes.")
    if not as_json:
        _print_leftovers(migration, tables)
    if not yes:
        click.confirm("Go on?", abort=True)
    tell = _silent if as_json else _Deleted()
    dropped = session.api.clean_up(full_id, None if no_batches else tell)
    lines = [*(f"dropped: {what}" for what in dropped), f"{full_id}: cleaned up."]
    answer(as_json, "\n".join(lines), migration=full_id, dropped=dropped)


def _print_leftovers(migration: Migration, tables: list[MigrationTable]) -> None:
    leftovers = [what for one in tables if (what := _leftover(migration, one))]
    for what in leftovers:
        click.echo(f"will be dropped: {what}")
    if not leftovers:
        click.echo("no table will be dropped, only the migration's records")


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


def _read(pools: Pools, target: str, migration_id: str) -> tuple[Migration, list[MigrationTable]]:
    """The migration that is to be cleaned up, and its tables.

    Raises:
        RefusedError: it has not ended.
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
    return migration, tables


def _leftover(migration: Migration, table: MigrationTable) -> str:
    if migration.stage is Stage.DONE:
        return f"{table.retired_name} on {migration.source} (the old table; the new one stays)"
    if table.created_by_us:
        return f"{table.target} on {migration.target} (the unfinished copy)"
    return ""
