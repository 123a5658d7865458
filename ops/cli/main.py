"""The command `tranship`: the group, its global options, and the one place errors end in."""

from __future__ import annotations

import gc
import logging
import os
import sys
import traceback
from pathlib import Path

import click

from ops.cli.exits import MEANINGS, ExitCode, exit_code
from ops.cli.flags import in_flags
from ops.cli.lazy import LazyCommand
from pipeline.configuration.path import DEFAULTS, PATH_VARIABLE
from pipeline.errors import TranshipError

# Imports make a hundred thousand objects and no garbage: looking for it meanwhile costs a command a
# tenth of its CPU or more. A command that lasts finds its garbage nevertheless.
_GARBAGE = 200_000
_EPILOG = "\b\nExit codes:\n" + "\n".join(
    f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items()
)


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="PATH",
    help=f"The configuration file; otherwise ${PATH_VARIABLE}, {DEFAULTS}.",
)  # fmt: skip
@click.option("--debug", is_flag=True, help="Show the log, and a traceback with an error.")
@click.version_option(package_name="tranship")
def cli(config: Path | None, debug: bool) -> None:
    """Move and rebuild live MySQL tables while the application keeps writing."""
    if config is not None:
        # By the environment: the workers' modules and the hooks read it there.
        os.environ[PATH_VARIABLE] = str(config.absolute())
    logging.basicConfig(level=logging.DEBUG if debug else logging.CRITICAL)


# Name, module of ops.cli and attribute, first sentence of the help.
for _name, _place, _about in (
    ("move", "move:move", "Start moving tables; prints the migration's id."),
    ("alter", "alter:alter", "Rebuild a table in place; prints the migration's id."),
    ("doctor", "doctor:doctor",
     "Check servers, broker and workers, and whether a move is possible; change nothing."),
    ("status", "status:status", "Show how far a migration is and what it waits for."),
    ("events", "events:events", "Print what happened to a migration, oldest first."),
    ("list", "list_migrations:list_migrations", "List the migrations on all configured servers."),
    ("cut-over", "cut_over:cut_over",
     "Let the cut-over happen as soon as the checksums have converged."),
    ("roll-back", "roll_back:roll_back",
     "Give the old tables their names again, with all that was written since the switch."),
    ("postpone", "postpone:postpone", "Hold the cut-over back until `cut-over` allows it."),
    ("throttle", "throttle:throttle", "Hold copy and verification back until `unthrottle`."),
    ("unthrottle", "throttle:unthrottle", "Take back what `throttle` asked for."),
    ("set", "set_limit:set_limit",
     "Set a limit for this migration alone; NAME= takes it back."),
    ("abort", "abort:abort", "End a migration; the source has, or gets back, its tables."),
    ("resume", "resume:resume",
     "Go on with a migration that has failed, or whose hook fails."),
    ("clean-up", "clean_up:clean_up", "Drop what an ended migration has left behind, gently."),
    ("schedule", "schedule:schedule",
     "Start migrations at their times; a coordinator has to run then."),
    ("worker", "worker:worker",
     "Run a worker in this process until it is stopped (SIGTERM drains it)."),
    ("dashboard", "dashboard:dashboard",
     "Show all migrations on one read-only page until stopped."),
    ("metrics", "metrics:metrics",
     "Serve metrics of all migrations to Prometheus until stopped."),
):  # fmt: skip
    cli.add_command(LazyCommand(_name, f"ops.cli.{_place}", _about))


def main() -> None:
    """The console script."""
    gc.set_threshold(_GARBAGE)
    code = run(sys.argv[1:])
    gc.freeze()  # Python would look for garbage in all of it, for a quarter of a second, to end
    sys.exit(code)


def run(arguments: list[str]) -> ExitCode:
    """Run one command; every error becomes one line and one exit code here."""
    debug = "--debug" in arguments
    try:
        result = cli.main(arguments, prog_name="tranship", standalone_mode=False)
    except TranshipError as error:
        return _say(debug, str(error), exit_code(error))
    except click.exceptions.NoArgsIsHelpError as error:  # `tranship` or `tranship schedule` alone
        click.echo(error.format_message(), err=True)
        return ExitCode.REFUSED
    except click.ClickException as error:
        return _say(debug, f"{error.format_message()} {_hint(error)}", ExitCode.REFUSED)
    except (click.Abort, KeyboardInterrupt):
        return _say(False, "interrupted.", ExitCode.INTERRUPTED)
    except SystemExit:  # so click ends here when nobody reads on: `tranship list | head`
        return ExitCode.OK
    except Exception as error:
        what = f"this is a defect: {type(error).__name__}: {error} (--debug shows where)"
        return _say(debug, what, ExitCode.FAILED)
    return result if isinstance(result, ExitCode) else ExitCode(result or 0)


def _say(debug: bool, text: str, code: ExitCode) -> ExitCode:
    if debug:
        traceback.print_exc()
    click.echo(f"tranship: {in_flags(' '.join(text.split()), cli)}", err=True)
    return code


def _hint(error: click.ClickException) -> str:
    # As `tranship status $ID` has none while the variable is not set.
    if isinstance(error, click.MissingParameter) and _name_of(error.param) == "migration_id":
        return "`move` and `alter` print it; see: tranship list"
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"See: {error.ctx.command_path} --help"
    return ""


def _name_of(param: click.Parameter | None) -> str | None:
    return None if param is None else param.name


if __name__ == "__main__":
    main()
