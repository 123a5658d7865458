"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ops.cli.answer import AS_JSON
from ops.cli.durations import DURATION
from pipeline.domain.hook_names import Hook

MIGRATION_ID = click.argument("migration_id", metavar="ID")


# What `move` and `doctor` have in common, in the order of their help: first what a move needs.
def _needed(*, required: bool) -> tuple[Any, ...]:
    return (
        click.option("--source", required=required, metavar="S", help="Server to move from."),
        click.option("--target", required=required, metavar="T", help="Server to move to."),
        click.option(
            "--table", "tables", required=required, multiple=True, metavar="SCHEMA.TABLE",
            help="A table to move; may be given several times.",
        ),
    )  # fmt: skip


way_back_option = click.option(
    "--way-back", "way_back_s", type=DURATION, metavar="DURATION",
    help="For how long `tranship roll-back` is possible after the switch (2h, 1d).",
)  # fmt: skip

cut_over_window_option = click.option(
    "--cut-over-window", metavar="WINDOW",
    help='Cut over only in these hours: "02:00-04:00 Europe/Berlin"; without a zone, UTC.',
)  # fmt: skip

_MOVE_OPTIONS = (
    click.option(
        "--target-schema", metavar="X", help="Schema on the target; otherwise the source's."
    ),
    click.option(
        "--defer-secondary-indexes", is_flag=True,
        help="Add non-unique indexes after the rows, online, and before the cut-over.",
    ),
    click.option(
        "--with-triggers", is_flag=True,
        help="Create the source's triggers on the target, at the cut-over.",
    ),
    click.option(
        "--json-as-text", is_flag=True,
        help="Let DECIMAL, dates and binary inside JSON become what their text says, as in a dump.",
    ),
    way_back_option,
)  # fmt: skip

# What `move` and `alter` have in common, in the order of their help.
_START_OPTIONS = (
    click.option(
        "--dry-run", "dry", is_flag=True, help="Print plan and findings; change nothing."
    ),
    click.option(
        "--postpone-cut-over", is_flag=True, help="Cut over only after `tranship cut-over`."
    ),
    cut_over_window_option,
    click.option(
        "--hook", "hooks", multiple=True, metavar="NAME=COMMAND",
        help=f"A command to run at a certain moment: {', '.join(Hook)}.",
    ),
    click.option(
        "--chunk-rows", type=click.IntRange(min=1), metavar="N", help="Rows in a chunk at first."
    ),
    click.option("--wait", is_flag=True, help="Follow to the end; exit 0 only when it is done."),
    AS_JSON,
)  # fmt: skip


def move_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say what to move."""
    return _with((*_needed(required=True), *_MOVE_OPTIONS), function)


def optional_move_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a command that also has a use without them."""
    return _with((*_needed(required=False), *_MOVE_OPTIONS), function)


def start_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of every start."""
    return _with(_START_OPTIONS, function)


def _with(options: tuple[Any, ...], function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        function = option(function)
    return function
