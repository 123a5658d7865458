"""`move`: starts moving tables. Also: how every start begins, or is only tried (`--dry-run`)."""

from __future__ import annotations

from typing import Any

import click

from ops.cli.doctor import report
from ops.cli.exits import ExitCode
from ops.cli.follow import follow
from ops.cli.format import amount, size
from ops.cli.options import move_options, start_options
from ops.cli.requests import parse_move
from ops.cli.session import Session, pass_session
from pipeline.domain.request import Request
from pipeline.domain.stages import Stage


@click.command()
@move_options
@start_options
@pass_session
def move(session: Session, /, dry: bool, wait: bool, **given: Any) -> ExitCode:
    """Start moving tables; prints the migration's id."""
    return begin(session, parse_move(**given), dry=dry, wait=wait)


def begin(session: Session, request: Request, *, dry: bool, wait: bool) -> ExitCode:
    """Start what is asked for, or say what would be done."""
    if dry:
        return dry_run(session, request)
    migration_id = session.api.start(request)
    click.echo(migration_id)
    return follow(session.api, migration_id, wanted=Stage.DONE) if wait else ExitCode.OK


def dry_run(session: Session, request: Request) -> ExitCode:
    """Print what would be done, and which problems there are."""
    plan = session.api.plan(request)
    for table in plan.tables:
        key = table.definition.key
        click.echo(
            f"{table.definition.name} on {request.source} → {table.target} on {request.target}:"
            f" about {amount(table.rows_estimate, 'row')}, {size(table.bytes_estimate)};"
            f" chunks of {table.chunk_rows:,} rows by {key.name} ({', '.join(key.columns)})"
        )
    if plan.tables:
        for name, command in request.hooks.items():
            click.echo(f"hook {name}: {command}")
    return report(plan.findings)
