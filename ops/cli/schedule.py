"""`schedule`: migrations that beat starts at their times."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from ops.cli.alter import alter
from ops.cli.exits import ExitCode
from ops.cli.flags import say
from ops.cli.format import moment
from ops.cli.move import move
from ops.cli.requests import parse_alter, parse_move
from ops.cli.session import Session, pass_session
from pipeline.control.schedules import Schedule
from pipeline.domain.request import Request
from pipeline.errors import RefusedError
from pipeline.status.to_json import plain

_ID = click.argument("schedule_id", metavar="ID")
# What has no meaning where nobody is there to see it.
_NOT_LATER = ("dry", "wait", "try_instant")


@dataclass(frozen=True)
class _Startable:
    command: click.Command
    parse: Callable[..., Request]


_STARTABLE = {"move": _Startable(move, parse_move), "alter": _Startable(alter, parse_alter)}


@click.group()
def schedule() -> None:
    """Start migrations at their times; a coordinator has to run then."""


@schedule.command(context_settings={"ignore_unknown_options": True})
@click.option("--cron", required=True, metavar="EXPR", help='As in "0 2 * * sat".')
@click.option("--zone", default="UTC", show_default=True, help="Whose clock EXPR is about.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND")
@pass_session
def add(session: Session, cron: str, zone: str, command: tuple[str, ...]) -> None:
    """Keep a `move` or an `alter`, to be started at its times.

    \b
    tranship schedule add --cron "0 2 * * sat" --zone Europe/Berlin -- \\
      alter --server orders --table shop.orders "ADD COLUMN c INT"
    """
    new = session.api.add_schedule(cron, zone, _parsed(command))
    click.echo(new.id)
    click.echo(f"next: {moment(new.next_due)}")


def _parsed(command: tuple[str, ...]) -> Request:
    """What a command asks for, checked as the command itself would.

    Raises:
        RefusedError: it is none that can be started later.
    """
    name, *arguments = command
    if name not in _STARTABLE:
        raise RefusedError(f"'{name}' can't be scheduled.", "Schedule a move or an alter.")
    startable = _STARTABLE[name]
    with startable.command.make_context(name, arguments) as context:
        params = dict(context.params)
    for option in startable.command.params:
        if option.name in _NOT_LATER and params.pop(option.name):
            raise RefusedError(f"{option.opts[0]} has no meaning in a schedule.", "Leave it out.")
    return startable.parse(**params)


@schedule.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_session
def list_(session: Session, as_json: bool) -> ExitCode:
    """List the schedules on all configured servers."""
    found, troubles = session.api.schedules()
    if as_json:
        entries = [_entry(one) for one in found]
        click.echo(json.dumps({"schedules": entries, "unreachable": troubles}, indent=2))
    else:
        for one in found:
            say("\t".join(_cells(one)))
        if not found:
            click.echo("no schedules")
    for trouble in troubles.values():
        click.echo(f"tranship: not asked: {trouble}", err=True)
    return ExitCode.RETRY if troubles and not found else ExitCode.OK


def _entry(one: Schedule) -> dict[str, Any]:
    return {
        "id": one.id, "cron": one.cron, "zone": one.zone, "kind": one.request.kind,
        "tables": [str(name) for name in one.request.tables],
        "source": one.request.source, "target": one.target, "paused": one.paused,
        "next": plain(one.next_due), "last": plain(one.last_due), "outcome": one.last_outcome,
        "migration": one.migration_id, "by": one.created_by,
    }  # fmt: skip


def _cells(one: Schedule) -> tuple[str, ...]:
    due = "paused" if one.paused else f"next {moment(one.next_due)}"
    last = f"{one.last_outcome} {one.migration_id or ''}".strip() if one.last_outcome else "never"
    tables = ", ".join(str(name) for name in one.request.tables)
    return one.id, f"{one.cron} {one.zone}", due, f"{one.request.kind} {tables}", f"last: {last}"


@schedule.command()
@_ID
@pass_session
def pause(session: Session, schedule_id: str) -> None:
    """Start nothing until `resume`."""
    found = session.api.pause_schedule(schedule_id)
    click.echo(f"{found.id}: paused. To go on: tranship schedule resume {found.id}")


@schedule.command()
@_ID
@pass_session
def resume(session: Session, schedule_id: str) -> None:
    """Go on from the next time; what was missed while it was paused stays so."""
    found = session.api.pause_schedule(schedule_id, paused=False)
    click.echo(f"{found.id}: goes on.")


@schedule.command()
@_ID
@pass_session
def remove(session: Session, schedule_id: str) -> None:
    """Forget a schedule; a migration that it has started goes on."""
    found = session.api.remove_schedule(schedule_id)
    click.echo(f"{found.id}: removed.")


@schedule.command("run-now")
@_ID
@pass_session
def run_now(session: Session, schedule_id: str) -> None:
    """Start it now; prints the migration's id."""
    click.echo(session.api.run_now(schedule_id))
