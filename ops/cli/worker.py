"""Starts one worker: becomes the Celery process that the role needs."""

from __future__ import annotations

import os
import sys

import click

from ops.cli.session import Session, pass_session
from ops.dashboard.login import logins
from pipeline.configuration.path import PATH_VARIABLE, config_path
from pipeline.configuration.settings import LogFormat
from tasks.queues import CHECKSUM, COORDINATE, COPY, STREAM
from workers.nodes import take_node_name

_COPY = ("-A", "tranship", "worker", "-Q", f"{COPY},{CHECKSUM}", "--prefetch-multiplier", "1")
_STREAM = ("-A", "tranship.streamer", "worker", "-Q", STREAM, "-P", "solo")
_COORDINATE = ("-A", "tranship", "worker", "-B", "-Q", COORDINATE, "-c", "2")
# The login, if any, comes from $FLOWER_BASIC_AUTH, which Flower itself reads: a command
# line is there for every user of the machine to see.
_FLOWER = ("workers.flower", "--tasks-columns=name,args,state,started,runtime,worker")
_LOGIN = "FLOWER_BASIC_AUTH"
_LOG_FORMAT = "TRANSHIP_WORKERS__LOG_FORMAT"
_QUIET = ("--without-gossip", "--without-mingle")
_ROLES = ("copy", "stream", "coordinate", "flower")


@click.command()
@click.argument("role", type=click.Choice(_ROLES))
@click.option(
    "--concurrency", "-c", type=click.IntRange(min=1), metavar="N",
    help="Processes of a copy worker; otherwise [workers] copy_concurrency.",
)  # fmt: skip
@click.option(
    "--name", metavar="NAME",
    help="Its node is NAME@HOST; otherwise ROLE-1@HOST, or the next number that is free.",
)  # fmt: skip
@click.option(
    "--log-level", default="INFO", show_default=True,
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
)  # fmt: skip
@click.option(
    "--log-format", type=click.Choice([one.value for one in LogFormat]),
    help="Otherwise [workers] log_format.",
)  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), help="Flower's port; otherwise 5555.")
@click.option("--address", help="Flower's address; otherwise 127.0.0.1.")
@pass_session
def worker(
    session: Session,
    role: str,
    concurrency: int | None,
    name: str | None,
    log_level: str,
    log_format: str | None,
    port: int | None,
    address: str | None,
) -> None:
    """Run a worker in this process until it is stopped (SIGTERM drains it).

    \b
    copy        copies chunks and verifies them; as many as you like
    stream      applies the binary log; one is enough, a second one stands by
    coordinate  drives the migrations; one is enough
    flower      Celery's dashboard; login (user:password) from $FLOWER_BASIC_AUTH
    """
    _refuse_misplaced(role, concurrency, name, port or address)
    if role == "flower":
        logins(_LOGIN, "Flower")  # whoever reaches it can stop workers and send tasks
    settings = session.pools.settings  # a wrong configuration is one line here, not a traceback
    os.environ[PATH_VARIABLE] = str(config_path().absolute())
    if log_format is not None:
        os.environ[_LOG_FORMAT] = log_format
    if role == "flower":
        become(flower_command(address or "127.0.0.1", port or 5555, log_level))
    else:
        processes = concurrency or settings.workers.copy_concurrency
        node = name or take_node_name(role, settings.broker.url.get_secret_value())
        become(worker_command(role, processes, node, log_level.upper()))


def _refuse_misplaced(
    role: str, concurrency: int | None, name: str | None, listening: int | str | None
) -> None:
    """
    Raises:
        UsageError: an option of another role's.
    """
    if concurrency is not None and role != "copy":
        raise click.UsageError(f"--concurrency is for copy; {role} has its own.")
    if name is not None and role == "flower":
        raise click.UsageError("--name is for workers, and Flower is none.")
    if listening is not None and role != "flower":
        raise click.UsageError("--port and --address are for flower.")


def flower_command(address: str, port: int, log_level: str) -> list[str]:
    """The command of the dashboard."""
    return [*_FLOWER, f"--address={address}", f"--port={port}", f"--logging={log_level.lower()}"]


def worker_command(role: str, concurrency: int, node: str, log_level: str) -> list[str]:
    """The command of a role."""
    common = ("-n", f"{node}@%h", "-l", log_level, *_QUIET)
    if role == "copy":
        return ["celery", *_COPY, "-c", str(concurrency), *common]
    return ["celery", *(_STREAM if role == "stream" else _COORDINATE), *common]


def become(arguments: list[str]) -> None:
    """Replace this process by a module, so that signals and exit codes are the worker's own.

    On Python's safe path (-P): a module `kombu` in the working directory is not what Celery wants.
    """
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", *arguments])
