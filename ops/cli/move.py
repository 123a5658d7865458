"""`move`: starts moving tables; and how every start begins, or is only tried."""

from __future__ import annotations

from typing import Any

import click

from ops.cli.doctor import report
from ops.cli.exits import ExitCode
from ops.cli.follow import follow
from ops.cli.format import amount, size
from ops.cli.options import move_options, start_options
from ops.cli.session import Session, pass_session
from ops.starting import Asked, asked_of_move
from pipeline.domain.stages import Stage


@click.command()
@move_options
@start_options
@pass_session
def move(session: Session, /, dry: bool, wait: bool, **given: Any) -> ExitCode:
    """Start moving tables; prints the migration's id."""
    return begin(session, asked_of_move(session.pools.settings, **given), dry=dry, wait=wait)


def begin(session: Session, asked: Asked, *, dry: bool, wait: bool) -> ExitCode:
    """Start what is asked for, or say what would be done."""
    if dry:
        return dry_run(session, asked)
    migration_id = session.api.start(asked)
    click.echo(migration_id)
    return follow(session.api, migration_id, wanted=Stage.DONE) if wait else ExitCode.OK


def dry_run(session: Session, asked: Asked) -> ExitCode:
    """Print what would be done, and what speaks against it."""
    plan, request = session.api.plan(asked), asked.request
    for new in plan.tables:
        click.echo(
            f"{new.table.name} on {request.source} → {new.target} on {request.target}:"
            f" about {amount(new.rows_estimate, 'row')}, {size(new.bytes_estimate)};"
            f" chunks of {new.chunk_rows:,} rows by {new.table.key.name}"
            f" ({', '.join(new.table.key.columns)})"
        )
    if plan.tables:
        for name, command in asked.options.hooks.items():
            click.echo(f"hook {name}: {command}")
    return report(plan.findings)
