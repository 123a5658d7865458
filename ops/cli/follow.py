"""Follows a migration to its end: bars in a terminal, otherwise a line for each change."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from ops.api import Tranship
from ops.cli.exits import ExitCode
from ops.cli.flags import say
from ops.cli.format import amount, duration
from pipeline.domain.processes import Processes
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError
from pipeline.status.progress import Progress, TableProgress, read_progress
from pipeline.status.wording import attempt_text

_POLL_S = 0.5
_LINE_S = 10.0
_STUCK_S = 60.0
_ROLL_CALL_S = 10.0
_ENDS = (Stage.DONE, Stage.ABORTED, Stage.FAILED)


def follow(api: Tranship, migration_id: str, wanted: Stage) -> ExitCode:
    """Show progress until the migration ends, or can't go on without a person.

    A server that does not answer for a while is reported and asked again: watching must survive
    what the migration itself survives.
    """
    target, full_id = api.find(migration_id)
    try:
        progress, code = _until_end(api, target, full_id, wanted)
    except KeyboardInterrupt:
        click.echo(f"{full_id} goes on by itself. See: tranship status {full_id}", err=True)
        return ExitCode.INTERRUPTED
    _last_words(progress)
    return code


def _until_end(
    api: Tranship, target: str, migration_id: str, wanted: Stage
) -> tuple[Progress, ExitCode]:
    roll_call = RollCall(api.processes)
    with _screen() as screen:
        while True:
            try:
                progress = read_progress(api.pools, target, migration_id, roll_call.latest())
            except RetryableError as error:
                screen.trouble(str(error))
            else:
                screen.show(progress)
                if (code := outcome(progress, wanted)) is not None:
                    return progress, code
            time.sleep(_POLL_S)


class RollCall:
    """The processes that answered lately; asking them takes a second, in a thread of its own."""

    def __init__(self, ask: Callable[[], Processes]) -> None:
        self._ask = ask
        self._asking: threading.Thread | None = None
        self._asked_at = -math.inf
        self._found: Processes | None = None

    def latest(self) -> Processes | None:
        """What was found last; if that is some time ago, they are asked again meanwhile."""
        asking = self._asking is not None and self._asking.is_alive()
        if not asking and time.monotonic() - self._asked_at > _ROLL_CALL_S:
            self._asked_at = time.monotonic()
            self._asking = threading.Thread(target=self._refresh, daemon=True)
            self._asking.start()
        return self._found

    def _refresh(self) -> None:
        self._found = self._ask()


def outcome(progress: Progress, wanted: Stage) -> ExitCode | None:
    """How it ended; None if it goes on."""
    if progress.stage in _ENDS:
        return ExitCode.OK if progress.stage is wanted else ExitCode.FAILED
    stuck = (progress.now - progress.since).total_seconds() > _STUCK_S
    if progress.stage is Stage.RESTORING and progress.failure is not None and stuck:
        return ExitCode.PERSON  # the source's tables can't be given back
    return None


def summary(progress: Progress) -> str:
    """Everything that changes, in one line."""
    tables = progress.tables
    rows = sum(table.rows_copied for table in tables)
    chunks = sum(table.chunks_known for table in tables)
    unverified = sum(table.chunks_unverified for table in tables)
    touched = sum(table.keys_touched for table in tables)
    parts = [f"{amount(rows, 'row')} copied"]
    if progress.stage is Stage.COPYING:
        parts.append(f"{progress.rows_per_s:,.0f} rows/s, ETA {duration(progress.eta_s)}")
    parts.append(f"{chunks - unverified:,} of {chunks:,} chunks verified")
    if touched:
        parts.append(f"{amount(touched, 'row')} changed since")
    if progress.stream is not None and progress.stream.lag_s is not None:
        parts.append(f"lag {duration(progress.stream.lag_s)}")
    return f"{progress.stage}: {', '.join(parts)}"


def _last_words(progress: Progress) -> None:
    if progress.refused_s is not None:
        click.echo(f"done; {attempt_text(progress.kind, progress.cut_overs[-1])}")
    if progress.failure is not None:
        failure = progress.failure.to_fix_first
        say(f"{failure.explanation} {failure.remedy}".rstrip(), err=True)
    click.echo(f"next: {progress.next}")


def _screen() -> LineOutput | Screen:
    console = Console()
    return Screen(console) if console.is_terminal else LineOutput()


class LineOutput(AbstractContextManager["LineOutput"]):
    """For a pipe or a log: a line when stage or postponement changes, and every ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: tuple[Stage, bool] | str | None = None
        self._at = 0.0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def show(self, progress: Progress) -> None:
        news = (progress.stage, progress.postponed)
        if news != self._said or self._clock() - self._at >= _LINE_S:
            self._say(news, f"{summary(progress)}; next: {progress.next}")

    def trouble(self, text: str) -> None:
        if self._said != text or self._clock() - self._at >= _LINE_S:
            self._say(text, text)

    def _say(self, news: tuple[Stage, bool] | str, line: str) -> None:
        self._said, self._at = news, self._clock()
        say(line)


class Screen(AbstractContextManager["Screen"]):
    """For a terminal: a bar for each table's copy and for its verification."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=4)

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, progress: Progress) -> None:
        self._live.update(
            Group(
                *(_bars(table) for table in progress.tables),
                Text(summary(progress)),
                Text(f"next: {progress.next}"),
            )
        )

    def trouble(self, text: str) -> None:
        self._live.update(Text(text, style="red"))


def _bars(table: TableProgress) -> Group:
    """The table's name, and its bars below it: in 80 columns they don't fit beside it."""
    bars = Bars(
        TextColumn("  {task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
    )  # fmt: skip
    # The estimate, from statistics, may be lower or higher than the number of rows.
    rows = table.rows_copied if table.copied else max(table.rows_estimate, table.rows_copied)
    bars.add_task("rows copied", total=rows, completed=table.rows_copied)
    verified = table.chunks_known - table.chunks_unverified
    bars.add_task("chunks verified", total=table.chunks_known, completed=verified)
    return Group(Text(table.source), bars)
