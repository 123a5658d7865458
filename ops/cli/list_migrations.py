"""`list`: all migrations."""

from __future__ import annotations

import json

import click
from rich import box
from rich.console import Console
from rich.table import Table

from ops.cli.exits import ExitCode
from ops.cli.flags import in_flags
from ops.cli.format import moment
from ops.cli.session import Session, pass_session
from pipeline.status.listing import Listed


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_session
def list_migrations(session: Session, as_json: bool) -> ExitCode:
    """List the migrations on all configured servers."""
    found, troubles = session.api.migrations()
    if as_json:
        entries = [one.as_json() for one in found]
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
    if not Console().is_terminal:  # one line for each, for grep and awk
        for one in found:
            click.echo("\t".join(_cells(one)))
        return
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("id", "stage", "since", "from", "to", "tables", "failure"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(*_cells(one))
    Console().print(table, markup=False)


def _cells(one: Listed) -> tuple[str, ...]:
    return (
        one.id, str(one.stage), moment(one.since), one.source, one.target,
        ", ".join(one.tables), in_flags(one.failed or ""),
    )  # fmt: skip
