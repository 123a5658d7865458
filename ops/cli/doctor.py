"""`doctor`: says which problems a move would have, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from ops.cli.exits import ExitCode
from ops.cli.flags import say
from ops.cli.options import move_options
from ops.cli.requests import parse_move
from ops.cli.session import Session, pass_session
from pipeline.preflight.findings import Finding, Severity


@click.command()
@move_options
@pass_session
def doctor(session: Session, /, **given: Any) -> ExitCode:
    """Check whether a move is possible; change nothing."""
    return report(session.api.doctor(parse_move(**given)))


def report(findings: Iterable[Finding]) -> ExitCode:
    """Print what was found; refused if any of it refuses."""
    refused = False
    for finding in findings:
        refused = refused or finding.severity is Severity.REFUSED
        remedy = f" {finding.remedy}" if finding.remedy else ""
        say(f"{finding.severity} [{finding.check}] {finding.explanation}{remedy}")
    click.echo("this would be refused" if refused else "no problems found")
    return ExitCode.REFUSED if refused else ExitCode.OK
