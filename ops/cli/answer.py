"""How a command answers: a line for a person, or one JSON object with the next steps in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click

from pipeline.status.to_json import plain

AS_JSON = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object, with the next steps in it."
)


def answer(as_json: bool, text: str, *, then: Iterable[str] = (), **facts: Any) -> None:
    """Say `text`; or `facts`, and under `next` the commands that are useful now."""
    if as_json:
        click.echo(json.dumps(plain({**facts, "next": list(then)}), indent=2))
    else:
        click.echo(text)


def refuse_both(as_json: bool, wait: bool) -> None:
    """
    Raises:
        UsageError: one object is asked for, and lines as things happen.
    """
    if as_json and wait:
        raise click.UsageError("--json and --wait don't go together.")
