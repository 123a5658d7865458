"""python -m ops.dev.demo --rows N: moves a live table and proves that nothing is lost.

It starts two MySQL servers, Redis, two copy workers, a streamer, beat and Flower, and a writer
that keeps writing to two tables. Both tables are moved together; the on-success hook tells the
writer to follow; then both sides are compared row by row. Only if they are identical is the last
line `demo: N rows moved, both sides identical` and the exit code 0. With `--way-back` the move is
rolled back at the end, under the writer, and compared again.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
from sqlalchemy import func, select

from ops.dev.demo import hook
from ops.dev.demo.compare import broken_promises, compare
from ops.dev.demo.showing import DemoError, perform, say
from ops.dev.demo.stack import Stack, running_stack
from ops.dev.demo.tables import CUSTOMERS, ORDERS, SCHEMA, create
from ops.dev.demo.way_back import WINDOW, compare_retired, roll_back
from ops.dev.demo.writer import Writer
from pipeline.configuration.load import load_settings
from pipeline.control.migration_tables import read_tables
from pipeline.control.schema import chunks
from pipeline.mysql.pools import Pools
from pipeline.status.listing import list_migrations
from pipeline.status.progress import Progress, read_progress

_AFTERWARDS_S = 2.0


@click.command()
@click.option("--rows", type=click.IntRange(min=1000), default=1_000_000, show_default=True)
@click.option("--way-back", is_flag=True, help="Roll the move back at the end.")
@click.option(
    "--program", type=click.Path(exists=True, path_type=Path),
    help="An installed `tranship`, instead of this checkout's.",
)  # fmt: skip
def main(rows: int, way_back: bool, program: Path | None) -> None:
    """Move a live table of ROWS rows between two servers, and compare both sides."""
    perform(lambda directory: _show(directory, rows, way_back, program))


def _show(directory: Path, rows: int, way_back: bool, program: Path | None) -> str:
    say("starting two MySQL servers and Redis (the first time they are downloaded)")
    with running_stack(directory, ("old", "new"), (SCHEMA,), program=program) as stack:
        moved = _run(stack, rows, way_back)
    there = "there and back" if way_back else "moved"
    return f"{moved} rows {there}, both sides identical"


def _run(stack: Stack, rows: int, way_back: bool) -> int:
    say(f"making a table of {rows:,} rows and a small one")
    create(stack.connect("old"), rows)
    stack.start()
    if not stack.flower_answers():
        raise DemoError(f"Flower does not show the workers.\n{stack.logs()}")
    say(f"workers are up; Flower: {stack.flower}")
    writes_to = stack.directory / "writes-to"
    writes_to.write_text("old")
    writer = Writer(stack.connect, writes_to, rows)
    writer.start()
    try:
        _move(stack, writes_to, ("--way-back", WINDOW) if way_back else ())
        return _prove(stack, writer, way_back)
    finally:
        writer.stop()


def _move(stack: Stack, writes_to: Path, options: Sequence[str]) -> None:
    command = shlex.join([sys.executable, hook.__file__, str(writes_to)])
    arguments = ["move", "--source", "old", "--target", "new", "--wait"]
    for table in (ORDERS, CUSTOMERS):
        arguments += ["--table", f"{SCHEMA}.{table}"]
    move = stack.tranship(*arguments, *options, "--hook", f"on-success={command}")
    try:
        if move.wait() != 0:
            raise DemoError(f"`tranship move` exited {move.returncode}.\n{stack.logs()}")
    finally:
        move.kill()
        move.wait()


def _prove(stack: Stack, writer: Writer, way_back: bool) -> int:
    if not writer.has_moved.wait(timeout=30):
        raise DemoError(f"the writer did not follow to the target: {writer.errors}")
    say("comparing both sides, row by row")
    moved = 0
    for name in (ORDERS, CUSTOMERS):
        rows, differences = compare(stack.connect("old"), stack.connect("new"), name)
        if differences:
            raise DemoError("the two sides differ: " + "; ".join(differences))
        moved += rows
    writer.go_on.set()
    time.sleep(_AFTERWARDS_S)
    if way_back:
        roll_back(stack, writer, _moved_id(stack), "old")
        compare_retired(stack)
        return moved
    writer.stop()
    if writer.errors:
        raise DemoError(f"the writer met {writer.errors[0]!r}")
    broken = broken_promises(stack.connect("new"), writer.acknowledged)
    if broken:
        raise DemoError(f"{len(broken)} acknowledged writes are lost: {broken[:5]}")
    _report(stack, writer, moved)
    return moved


def _moved_id(stack: Stack) -> str:
    pools = Pools(load_settings(stack.config))
    try:
        (moved,) = [one.id for one in list_migrations(pools)[0] if one.target == "new"]
    finally:
        pools.close()
    return moved


def _report(stack: Stack, writer: Writer, moved: int) -> None:
    pools = Pools(load_settings(stack.config))
    try:
        listed, _ = list_migrations(pools)
        progress = read_progress(pools, "new", listed[-1].id)
        copy_s = _copy_s(pools, progress)
    finally:
        pools.close()
    copied = sum(table.rows_copied for table in progress.tables)
    applied = progress.stream.rows_applied if progress.stream else 0
    say(f"rows moved: {moved:,} ({copied:,} copied in {copy_s:.1f} s: {copied / copy_s:,.0f}/s)")
    say(f"row changes applied from the binary log: {applied:,}")
    say(f"writer: {writer.transactions:,} transactions, none of them lost")
    say(f"writes were refused for {sum(writer.refused_s):.2f} s")
    say(f"Flower was at {stack.flower}")


def _copy_s(pools: Pools, progress: Progress) -> float:
    """Seconds from when the first chunk was claimed until the last one was done."""
    with pools.begin("new") as control:
        tables = [table.id for table in read_tables(control, progress.id)]
        first, last = control.execute(
            select(func.min(chunks.c.claimed_at), func.max(chunks.c.done_at)).where(
                chunks.c.table_id.in_(tables)
            )
        ).one()
    return max(float((last - first).total_seconds()), 1e-3)


if __name__ == "__main__":
    main()
