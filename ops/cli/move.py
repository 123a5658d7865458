"""`move`: starts moving tables. Also: how every start begins, or is only tried (`--dry-run`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ops.cli.answer import answer, refuse_both
from ops.cli.doctor import code_of, findings_as_json, report
from ops.cli.exits import ExitCode
from ops.cli.format import amount, size
from ops.cli.options import move_options, start_options
from ops.cli.requests import parse_move
from ops.cli.session import Session, pass_session
from pipeline.domain.request import Request
from pipeline.domain.stages import Stage
from pipeline.status.to_json import plain

if TYPE_CHECKING:
    from pipeline.commands.start import Plan


@click.command()
@move_options
@start_options
@pass_session
def move(session: Session, /, dry: bool, wait: bool, as_json: bool, **given: Any) -> ExitCode:
    """Start moving tables; prints the migration's id."""
    return begin(session, parse_move(**given), dry=dry, wait=wait, as_json=as_json)


def begin(session: Session, request: Request, *, dry: bool, wait: bool, as_json: bool) -> ExitCode:
    """Start what is asked for, or say what would be done."""
    refuse_both(as_json, wait)
    if dry:
        plan = session.api.plan(request)
        return print_plan_as_json(plan) if as_json else print_plan(plan)
    migration_id = session.start(request)
    see = f"tranship status {migration_id} --watch"
    answer(as_json, migration_id, migration=migration_id, then=[see])
    return session.follow(migration_id, wanted=Stage.DONE) if wait else ExitCode.OK


def print_plan_as_json(plan: Plan) -> ExitCode:
    """The same as one object."""
    tables = [
        {
            "source": str(one.definition.name), "target": str(one.target),
            "rows_estimate": one.rows_estimate, "bytes_estimate": one.bytes_estimate,
            "chunk_rows": one.chunk_rows, "key": one.definition.key.columns,
        }
        for one in plan.tables
    ]  # fmt: skip
    click.echo(json.dumps(plain({"tables": tables, **findings_as_json(plan.findings)}), indent=2))
    return code_of(plan.findings)


def print_plan(plan: Plan) -> ExitCode:
    """Print what would be done, and which problems there are."""
    request = plan.request
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
