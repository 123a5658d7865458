"""`list`: all migrations."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from ops.cli.exits import ExitCode
from ops.cli.flags import in_flags, say
from ops.cli.format import duration, share
from ops.cli.session import Session, pass_session

if TYPE_CHECKING:
    from pipeline.status.listing import Listed


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_session
def list_migrations(session: Session, as_json: bool) -> ExitCode:
    """List the migrations on all configured servers."""
    found, troubles = session.api.migrations()
    if as_json:
        entries = [{**one.as_json(), "next": f"tranship status {one.id}"} for one in found]
        click.echo(json.dumps({"migrations": entries, "unreachable": troubles}, indent=2))
    elif found:
        _print(found)
    else:
        click.echo("no migrations")
    for trouble in troubles.values():
        click.echo(f"tranship: not asked: {trouble}", err=True)
    everything_silent = bool(troubles) and len(troubles) == len(session.pools.settings.servers)
    return ExitCode.RETRY if everything_silent else ExitCode.OK


def _print(found: list[Listed]) -> None:
    if not sys.stdout.isatty():  # one line for each, for grep and awk
        for cells in (_HEADINGS, *map(_cells, found)):
            click.echo("\t".join(cells))
        return
    from rich import box  # who only reads lines need not wait for it
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in _HEADINGS[:-1]:
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(*_cells(one)[:-1])
    Console().print(table, markup=False)
    for one in found:  # too long for a column of 80
        if one.failed:
            say(f"{one.id}: {one.failed}")


_HEADINGS = ("id", "stage", "for", "copied", "servers", "tables", "failure")


def _cells(one: Listed) -> tuple[str, ...]:
    servers = one.source if one.source == one.target else f"{one.source} → {one.target}"
    return (
        one.id,
        f"{one.stage}, cleaned up" if one.cleaned_at else str(one.stage),
        duration((one.now - one.since).total_seconds()),
        "all" if one.copied else share(one.rows_copied, one.rows_estimate),
        servers, ", ".join(one.tables), in_flags(one.failed or ""),
    )  # fmt: skip
