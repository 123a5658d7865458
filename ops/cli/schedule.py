"""`schedule`: migrations that beat starts at their times."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ops.cli.alter import alter
from ops.cli.answer import AS_JSON, answer
from ops.cli.doctor import PROBLEMS
from ops.cli.events import print_events
from ops.cli.exits import ExitCode
from ops.cli.flags import say
from ops.cli.format import duration, moment
from ops.cli.move import move
from ops.cli.requests import parse_alter, parse_move
from ops.cli.session import Session, pass_session
from pipeline.domain.request import Request
from pipeline.errors import RefusedError, RetryableError
from pipeline.status.to_json import plain

if TYPE_CHECKING:
    from pipeline.control.schedules import Schedule

_ID = click.argument("schedule_id", metavar="ID")
# What has no meaning where nobody is there to see it.
_NOT_LATER = ("dry", "wait", "try_instant", "as_json")


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
@AS_JSON
@pass_session
def add(session: Session, cron: str, zone: str, command: tuple[str, ...], as_json: bool) -> None:
    """Keep a `move` or an `alter`, to be started at its times; warn of what is in its way now.

    \b
    tranship schedule add --cron "0 2 * * sat" --zone Europe/Berlin -- \\
      alter --server orders --table shop.orders "ADD COLUMN c INT"
    """
    request = _parsed(command)
    new = session.api.add_schedule(cron, zone, request)
    in_the_way = _in_the_way(session, request)
    for what in in_the_way:
        say(f"tranship: {what}", err=True)
    then = [f"tranship schedule run-now {new.id}", "tranship schedule list"]
    text = f"{new.id}\nnext: {moment(new.next_due)}"
    answer(as_json, text, schedule=new.id, next_due=new.next_due, warnings=in_the_way, then=then)


def _in_the_way(session: Session, request: Request) -> list[str]:
    """What would be in its way now. It may be gone by its time, so it is kept all the same."""
    try:
        found = session.api.doctor(request)
    except RetryableError as error:
        return [f"not checked: {error}"]
    return [
        f"{one.severity} [{one.check}] {one.explanation} {one.remedy}".rstrip()
        for one in found
        if one.severity in PROBLEMS
    ]


def _parsed(command: tuple[str, ...]) -> Request:
    """What a command asks for, checked as the command itself would.

    Raises:
        RefusedError: it is none that can be started later.
    """
    name, *arguments = command
    if name not in _STARTABLE:
        raise RefusedError(f"'{name}' can't be scheduled.", "Schedule a move or an alter.")
    startable = _STARTABLE[name]
    # With its parent it has the options of every command, of which click keeps -h for good.
    parent = click.get_current_context().find_root()
    with startable.command.make_context(name, arguments, parent=parent) as context:
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
        "way_back_s": one.request.way_back_s, "migration": one.migration_id, "by": one.created_by,
    }  # fmt: skip


def _cells(one: Schedule) -> tuple[str, ...]:
    due = "paused" if one.paused else f"next {moment(one.next_due)}"
    last = f"{one.last_outcome} {one.migration_id or ''}".strip() if one.last_outcome else "never"
    return one.id, f"{one.cron} {one.zone}", due, _what(one.request), f"last: {last}"


def _what(request: Request) -> str:
    what = f"{request.kind} {', '.join(str(name) for name in request.tables)}"
    if request.way_back_s is None:
        return what
    return f"{what}, way back for {duration(request.way_back_s)}"


@schedule.command()
@_ID
@AS_JSON
@pass_session
def events(session: Session, schedule_id: str, as_json: bool) -> None:
    """Print which of its runs could not start, and why, oldest first."""
    found, logged = session.api.schedule_events(schedule_id)
    if as_json:
        then = [f"tranship schedule run-now {found.id}"]
        answer(as_json, "", schedule=found.id, events=logged, then=then)
    else:
        print_events(logged)


@schedule.command()
@_ID
@AS_JSON
@pass_session
def pause(session: Session, schedule_id: str, as_json: bool) -> None:
    """Start nothing until `resume`."""
    found = session.api.pause_schedule(schedule_id)
    then = f"tranship schedule resume {found.id}"
    answer(as_json, f"{found.id}: paused. To go on: {then}", schedule=found.id, then=[then])


@schedule.command()
@_ID
@AS_JSON
@pass_session
def resume(session: Session, schedule_id: str, as_json: bool) -> None:
    """Go on from the next time; what was missed while it was paused stays so."""
    found = session.api.pause_schedule(schedule_id, paused=False)
    then = ["tranship schedule list"]
    answer(as_json, f"{found.id}: goes on.", schedule=found.id, then=then)


@schedule.command()
@_ID
@AS_JSON
@pass_session
def remove(session: Session, schedule_id: str, as_json: bool) -> None:
    """Forget a schedule; a migration that it has started goes on."""
    found = session.api.remove_schedule(schedule_id)
    answer(as_json, f"{found.id}: removed.", schedule=found.id)


@schedule.command("run-now")
@_ID
@AS_JSON
@pass_session
def run_now(session: Session, schedule_id: str, as_json: bool) -> None:
    """Start it now; prints the migration's id."""
    started = session.api.run_now(schedule_id)
    answer(as_json, started, migration=started, then=[f"tranship status {started} --watch"])
