"""The command `tranship`: the group, its global options, and the one place errors end in."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from pathlib import Path

import click

from ops.cli.abort import abort
from ops.cli.alter import alter
from ops.cli.clean_up import clean_up
from ops.cli.cut_over import cut_over
from ops.cli.doctor import doctor
from ops.cli.events import events
from ops.cli.exits import MEANINGS, ExitCode, exit_code
from ops.cli.flags import in_flags
from ops.cli.list_migrations import list_migrations
from ops.cli.metrics import metrics
from ops.cli.move import move
from ops.cli.postpone import postpone
from ops.cli.resume import resume
from ops.cli.schedule import schedule
from ops.cli.session import Session
from ops.cli.set_limit import set_limit
from ops.cli.status import status
from ops.cli.throttle import throttle, unthrottle
from ops.cli.worker import worker
from pipeline.configuration.load import PATH_VARIABLE
from pipeline.errors import TranshipError

_EPILOG = "\b\nExit codes:\n" + "\n".join(
    f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items()
)


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="PATH",
    help=f"The configuration file; otherwise ${PATH_VARIABLE}, or ./tranship.toml.",
)  # fmt: skip
@click.option("--debug", is_flag=True, help="Show the log, and a traceback with an error.")
@click.version_option(package_name="tranship")
@click.pass_context
def cli(context: click.Context, config: Path | None, debug: bool) -> None:
    """Move and rebuild live MySQL tables while the application keeps writing."""
    if config is not None:
        # By the environment: the workers' modules and the hooks read it there.
        os.environ[PATH_VARIABLE] = str(config.absolute())
    logging.basicConfig(level=logging.DEBUG if debug else logging.CRITICAL)
    session = Session(debug)
    context.obj = session
    context.call_on_close(session.close)


for _command in (
    move, alter, doctor, status, events, list_migrations, cut_over, postpone, throttle, unthrottle,
    set_limit, abort, resume, clean_up, schedule, worker, metrics,
):  # fmt: skip
    cli.add_command(_command)


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> ExitCode:
    """Run one command; every error becomes one line and one exit code here."""
    debug = "--debug" in arguments
    try:
        result = cli.main(arguments, prog_name="tranship", standalone_mode=False)
    except TranshipError as error:
        return _say(debug, str(error), exit_code(error))
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
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"See: {error.ctx.command_path} --help"
    return ""


if __name__ == "__main__":
    main()
