"""`doctor`: says which problems the set-up has, and a move would have; it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from ops.cli.exits import ExitCode
from ops.cli.flags import in_flags, say
from ops.cli.format import amount
from ops.cli.options import optional_move_options
from ops.cli.requests import parse_move
from ops.cli.session import Session, pass_session
from pipeline.preflight.findings import Finding, Severity

PROBLEMS = (Severity.WARNING, Severity.REFUSED)  # in the order in which they are printed
_NEEDED = {"source": "--source", "target": "--target", "tables": "--table"}


@click.command()
@optional_move_options
@click.option("-v", "--verbose", is_flag=True, help="Show the checks that have passed, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with every check.")
@pass_session
def doctor(session: Session, /, verbose: bool, as_json: bool, **given: Any) -> ExitCode:
    """Check servers, broker and workers, and whether a move is possible; change nothing.

    Without a move it asks every configured server.
    """
    findings = _findings(session, given)
    if as_json:
        click.echo(json.dumps(findings_as_json(findings), indent=2))
    else:
        _report(findings, verbose=verbose)
    return code_of(findings) if any(given.values()) else _setup_code(findings)


def _findings(session: Session, given: dict[str, Any]) -> list[Finding]:
    if not any(given.values()):
        return session.api.check_setup()
    missing = [flag for name, flag in _NEEDED.items() if not given[name]]
    if missing:
        raise click.UsageError(f"{' and '.join(missing)} missing: a move has all three.")
    return [*session.api.check_processes(), *session.api.doctor(parse_move(**given))]


def report(findings: Sequence[Finding]) -> ExitCode:
    """Print everything that was found, problems last; refused if any of it refuses."""
    _report(findings, verbose=True)
    return code_of(findings)


def _report(findings: Sequence[Finding], *, verbose: bool) -> None:
    problems = [one for severity in PROBLEMS for one in findings if one.severity is severity]
    passed = [one for one in findings if one.severity not in PROBLEMS] if verbose else []
    for finding in (*passed, *problems):
        remedy = f" {finding.remedy}" if finding.remedy else ""
        say(f"{finding.severity} [{finding.check}] {finding.explanation}{remedy}")
    click.echo(_verdict(problems))


def _verdict(problems: Sequence[Finding]) -> str:
    if any(one.severity is Severity.REFUSED for one in problems):
        return "this would be refused"
    return amount(len(problems), "warning") if problems else "no problems found"


def findings_as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Every finding; under `next` the remedies."""
    found = [
        {
            "severity": str(one.severity), "check": one.check,
            "explanation": in_flags(one.explanation), "remedy": in_flags(one.remedy),
        }
        for one in findings
    ]  # fmt: skip
    problems = [one for one in findings if one.severity in PROBLEMS]
    return {"findings": found, "next": [in_flags(one.remedy) for one in problems if one.remedy]}


def code_of(findings: Sequence[Finding]) -> ExitCode:
    """Refused if any of them refuses."""
    refused = any(one.severity is Severity.REFUSED for one in findings)
    return ExitCode.REFUSED if refused else ExitCode.OK


def _setup_code(findings: Sequence[Finding]) -> ExitCode:
    """For a script that watches the set-up: something is out of reach."""
    return ExitCode.RETRY if any(one.severity in PROBLEMS for one in findings) else ExitCode.OK
