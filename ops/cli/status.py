"""`status`: everything known about one migration, as text or JSON, once or until the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ops.cli.exits import ExitCode
from ops.cli.flags import say
from ops.cli.format import amount, duration, moment, share, size
from ops.cli.options import MIGRATION_ID
from ops.cli.session import Session, pass_session
from pipeline.domain.processes import WORKERS, Processes
from pipeline.domain.stages import ENDED, Stage
from pipeline.domain.way_back import Direction
from pipeline.status.wording import attempt_text, reading_text, search_text, way_back_text

if TYPE_CHECKING:
    from pipeline.domain.migration import Failure
    from pipeline.status.indexes import IndexProgress
    from pipeline.status.progress import Progress, StreamProgress, TableProgress


@click.command()
@MIGRATION_ID
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--watch", is_flag=True, help="Follow to the end; Ctrl-C stops only the watching.")
@pass_session
def status(session: Session, migration_id: str, as_json: bool, watch: bool) -> ExitCode:
    """Show how far a migration is and what it waits for. The beginning of an id is enough."""
    if as_json and watch:
        raise click.UsageError("--json and --watch don't go together.")
    if watch:
        return session.follow(migration_id, wanted=Stage.DONE)
    progress = _progress(session, migration_id)
    if as_json:
        click.echo(json.dumps(progress.as_json(), indent=2))
    else:
        say("\n".join(status_lines(progress)))
    return ExitCode.OK


def _progress(session: Session, migration_id: str) -> Progress:
    has_ended = session.api.stage(migration_id) in ENDED  # nobody need be there
    return session.api.status(migration_id, None if has_ended else session.api.processes())


def status_lines(progress: Progress) -> list[str]:
    """The text that `tranship status` prints."""
    since = duration((progress.now - progress.since).total_seconds())
    lines = [
        f"migration {progress.id}: {_what(progress)},"
        f" by {progress.created_by} at {moment(progress.created_at)}",
        f"stage: {progress.stage} for {since}{_marks(progress)}",
    ]
    for table in progress.tables:
        lines += _table_lines(table)
    if progress.stage is Stage.COPYING:
        lines.append(_pace_line(progress))
    lines += [f"throttled: {reading_text(reason)}" for reason in progress.throttled]
    if progress.slowed:
        lines.append(_slowed_line(progress))
    if progress.gives_way:
        lines.append(f"gives way: others use {progress.source}; pauses after each chunk")
    if progress.stream is not None:
        lines.append(_stream_line(progress.stream, progress.stage))
    if progress.processes is not None:
        lines += _process_lines(progress.processes)
    lines += _cut_over_lines(progress)
    lines += _failure_lines("failure", progress.failure)
    if progress.alarm is not None:
        lines.append(f"alarm: {progress.alarm}")
    lines += [f"  {moment(event.at)} {event.kind}: {event.message}" for event in progress.events]
    return [*lines, f"next: {progress.next}", f"try: {progress.command}"]


def _failure_lines(what: str, failure: Failure | None) -> list[str]:
    if failure is None:
        return []
    line = f"{what} ({failure.role}): {failure.explanation} {failure.remedy}".rstrip()
    return [line, *_failure_lines("not restored", failure.obstacle)]


def _pace_line(progress: Progress) -> str:
    """The pace, and what the estimate is made of: it is no better than that."""
    left = sum(max(0, one.rows_estimate - one.rows_copied) for one in progress.tables)
    eta = "ETA ?"
    if progress.eta_s is not None:
        eta = (
            f"ETA {duration(progress.eta_s)} of copying, for the {amount(left, 'row')} that the"
            " server's estimate leaves, at the pace of the last 10 s"
        )
    return f"pace: {progress.rows_per_s:,.0f} rows/s, {eta}"


def _slowed_line(progress: Progress) -> str:
    chunks = amount(progress.chunks_allowed or 1, "chunk")
    return f"slowed down: the stream lagged, and comes first; {chunks} in flight at most"


def _what(progress: Progress) -> str:
    if progress.change is not None:
        return f"alter on {progress.source}: {progress.change}"
    if progress.until is not None:
        way = "way back" if progress.direction is Direction.BACK else "way forward again"
        return f"{way}, {progress.source} → {progress.target}"
    return f"{progress.source} → {progress.target}"


def _marks(progress: Progress) -> str:
    marks = [
        "postponed" if progress.postponed else "",
        "abort asked for" if progress.abort_asked else "",
        "cleaned up" if progress.cleaned_at else "",
        f"cut-over attempt {progress.cut_over_attempt}" if progress.cut_over_attempt else "",
    ]
    shown = [mark for mark in marks if mark]
    return f" ({', '.join(shown)})" if shown else ""


def _table_lines(table: TableProgress) -> list[str]:
    where = "" if table.source == table.target else f" → {table.target}"
    planned = "" if table.planned else ", more to be planned"
    copied = "all" if table.copied else share(table.rows_copied, table.rows_estimate)
    verified = table.chunks_known - table.chunks_unverified
    return [
        f"table {table.source}{where}",
        f"  copied: {copied}, {amount(table.rows_copied, 'row')}"
        f" of about {table.rows_estimate:,}, {size(table.bytes_copied)};"
        f" chunks {table.chunks_done:,} of {table.chunks_known:,}{planned}",
        f"  verified: {verified:,} of {amount(table.chunks_known, 'chunk')};"
        f" {amount(table.keys_touched, 'row change')} since to verify",
        *_index_lines(table.indexes),
    ]


def _index_lines(indexes: IndexProgress | None) -> list[str]:
    if indexes is None:
        return []
    took = "" if indexes.deferred else f", {duration(indexes.seconds)}"
    done = "" if indexes.share is None else f", {indexes.share:.0%}"
    return [f"  indexes: {indexes.state}{took}{done}: {', '.join(indexes.names)}"]


def _process_lines(found: Processes) -> list[str]:
    if found.broker_trouble is not None:
        return [f"broker: does not answer: {found.broker_trouble}"]
    counts = (f"{len(found.with_role(role))} {role}" for role in WORKERS)
    return [
        f"workers: {', '.join(counts)}",
        *(f"  {name} has another configuration: restart it" for name in found.outdated),
        *(f"  {one.name}: {one.clock_off}" for one in found.workers if one.clock_off),
    ]


def _cut_over_lines(progress: Progress) -> list[str]:
    """The last attempt, what the next one or the end waits for, and the way back."""
    lines = []
    if progress.cut_overs:
        last = progress.cut_overs[-1]
        said = attempt_text(progress.kind, last)
        done = progress.stage is Stage.DONE
        lines.append(said if done else f"cut-over attempt {last.attempt}: {said}")
    if (search := progress.log_search) is not None:
        lines.append(f"search: since {moment(search.since)} {search_text(search)}")
    if progress.way_back is not None:
        lines.append(way_back_text(progress.way_back))
    return lines


def _stream_line(stream: StreamProgress, stage: Stage) -> str:
    applied = f"{amount(stream.rows_applied, 'row')} applied in {stream.batches:,} batches"
    if stage in (Stage.DONE, Stage.ABORTED, Stage.FAILED):
        return f"stream: {applied}"
    owner = f"streamer {stream.owner}" if stream.alive else "no streamer"
    behind = stream.transactions_behind
    lag = f"lag {duration(stream.lag_s)}, {'?' if behind is None else behind} transactions behind"
    return f"stream: {applied}; {lag}; {owner}"
