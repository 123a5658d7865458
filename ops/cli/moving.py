"""`move` and `doctor`: what starts a migration, and what only looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from ops.cli.exits import ExitCode
from ops.cli.following import follow
from ops.cli.session import Session, pass_session
from ops.cli.wording import amount, size
from ops.starting import Asked, asked_of_move
from pipeline.domain.hook_names import Hook
from pipeline.domain.stages import Stage
from pipeline.preflight.findings import Finding, Severity

_SOURCE = click.option("--source", required=True, metavar="S", help="Server to move from.")
_TARGET = click.option("--target", required=True, metavar="T", help="Server to move to.")
_TABLES = click.option(
    "--table", "tables", required=True, multiple=True, metavar="SCHEMA.TABLE",
    help="A table to move; give it once for each.",
)  # fmt: skip
_TARGET_SCHEMA = click.option(
    "--target-schema", metavar="X", help="Schema on the target; otherwise that of the source."
)


_WITH_TRIGGERS = click.option(
    "--with-triggers", is_flag=True, help="Make the source's triggers on the target, at the end."
)


_JSON_AS_TEXT = click.option(
    "--json-as-text", is_flag=True,
    help="Let DECIMAL, dates and binary inside JSON become what their text says, as in a dump.",
)  # fmt: skip


# What `move` and `alter` have in common, in the order of their help.
_START_OPTIONS = (
    click.option(
        "--dry-run", "dry", is_flag=True, help="Print plan and findings; change nothing."
    ),
    click.option(
        "--postpone-cut-over", is_flag=True, help="Cut over only after `tranship cut-over`."
    ),
    click.option(
        "--cut-over-window", "window", metavar="WINDOW",
        help='Cut over only then: "02:00-04:00 Europe/Berlin"; without a zone it is UTC.',
    ),
    click.option(
        "--hook", "hooks", multiple=True, metavar="NAME=COMMAND",
        help=f"A command to run at a point of its life: {', '.join(Hook)}.",
    ),
    click.option(
        "--chunk-rows", type=click.IntRange(min=1), metavar="N", help="Rows a chunk at first."
    ),
    click.option("--wait", is_flag=True, help="Follow to the end; exit 0 only when it is done."),
)  # fmt: skip


def start_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of every start."""
    for option in reversed(_START_OPTIONS):
        function = option(function)
    return function


@click.command()
@_SOURCE
@_TARGET
@_TABLES
@_TARGET_SCHEMA
@_WITH_TRIGGERS
@_JSON_AS_TEXT
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


@click.command()
@_SOURCE
@_TARGET
@_TABLES
@_TARGET_SCHEMA
@_WITH_TRIGGERS
@_JSON_AS_TEXT
@pass_session
def doctor(
    session: Session, /, source: str, target: str, tables: tuple[str, ...], **options: Any
) -> ExitCode:
    """Say what speaks against a move; change nothing."""
    return _report(session.api.doctor(source, target, tables, **options))


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
    return _report(plan.findings)


def _report(findings: Iterable[Finding]) -> ExitCode:
    refused = False
    for finding in findings:
        refused = refused or finding.severity is Severity.REFUSED
        remedy = f" {finding.remedy}" if finding.remedy else ""
        click.echo(f"{finding.severity} [{finding.check}] {finding.explanation}{remedy}")
    click.echo("this would be refused" if refused else "nothing speaks against it")
    return ExitCode.REFUSED if refused else ExitCode.OK
