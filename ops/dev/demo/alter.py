"""python -m ops.dev.demo.alter --rows N: rebuilds a live table and proves that nothing is lost.

It starts a MySQL server, Redis, two copy workers, a streamer, beat and Flower, and a writer that
keeps writing. The table gets a new column, a new index and a new character set. Then every row
is compared with the table as it was, and every acknowledged write is searched for. `--way-back`
rolls the change back under the writer, and searches for the writes in the old table.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from ops.dev.demo.compare import broken_promises, changed_rows
from ops.dev.demo.showing import DemoError, perform, say
from ops.dev.demo.stack import Stack, running_stack
from ops.dev.demo.tables import ORDERS, SCHEMA, create
from ops.dev.demo.way_back import WINDOW, roll_back
from ops.dev.demo.writer import Writer
from pipeline.configuration.load import load_settings
from pipeline.mysql.pools import Pools
from pipeline.status.listing import list_migrations
from pipeline.status.progress import Progress, read_progress

_SERVER = "db"
_CHANGE = (
    "ADD COLUMN channel VARCHAR(20) NOT NULL DEFAULT 'shop', ADD INDEX by_made (made),"
    " CONVERT TO CHARACTER SET utf8mb4"
)
_PARTS = ("`channel` varchar(20) NOT NULL DEFAULT 'shop'", "KEY `by_made`", "utf8mb4")
_AFTERWARDS_S = 2.0


@click.command()
@click.option("--rows", type=click.IntRange(min=1000), default=1_000_000, show_default=True)
@click.option("--way-back", is_flag=True, help="Roll the change back at the end.")
def main(rows: int, way_back: bool) -> None:
    """Rebuild a live table of ROWS rows, and compare it with what it was."""
    perform(lambda directory: _show(directory, rows, way_back))


def _show(directory: Path, rows: int, way_back: bool) -> str:
    say("starting a MySQL server and Redis (the first time they are downloaded)")
    with running_stack(directory, (_SERVER,), (SCHEMA,)) as stack:
        say(f"making a table of {rows:,} rows")
        create(stack.connect(_SERVER), rows, charset="utf8mb3")
        stack.start()
        if not stack.flower_answers():
            raise DemoError(f"Flower does not show the workers.\n{stack.logs()}")
        say(f"workers are up; Flower: {stack.flower}")
        writes_to = directory / "writes-to"
        writes_to.write_text(_SERVER)
        writer = Writer(stack.connect, writes_to, rows)
        writer.start()
        try:
            _alter(stack, ("--way-back", WINDOW) if way_back else ())
            return _prove_back(stack, writer) if way_back else _prove(stack, writer)
        finally:
            writer.stop()


def _alter(stack: Stack, options: Sequence[str]) -> None:
    arguments = ["alter", "--server", _SERVER, "--table", f"{SCHEMA}.{ORDERS}", *options]
    say(f"tranship {' '.join(arguments)} '{_CHANGE}' --wait")
    alter = stack.tranship(*arguments, "--wait", _CHANGE)
    try:
        if alter.wait() != 0:
            raise DemoError(f"`tranship alter` exited {alter.returncode}.\n{stack.logs()}")
    finally:
        alter.kill()
        alter.wait()


def _prove(stack: Stack, writer: Writer) -> str:
    writer.stop()
    if writer.errors:
        raise DemoError(f"the writer met {writer.errors[0]!r}")
    say("comparing every row with the table as it was")
    link, other = stack.connect(_SERVER), stack.connect(_SERVER)
    _check_definition(stack)
    broken = broken_promises(link, writer.acknowledged)
    if broken:
        raise DemoError(f"{len(broken)} acknowledged writes are lost: {broken[:5]}")
    rows, changed, strange = changed_rows(
        link, other, f"{ORDERS}_tranship_old", ORDERS, writer.acknowledged
    )
    if strange:
        raise DemoError(f"rows differ that nobody has written since: {strange}")
    _report(stack, writer, rows, changed)
    return f"{rows} rows rebuilt, each as it was or as it was written since"


def _prove_back(stack: Stack, writer: Writer) -> str:
    _check_definition(stack)
    time.sleep(_AFTERWARDS_S)
    roll_back(stack, writer, _progress(stack).id, _SERVER)
    if _PARTS[0] in _definition(stack):
        raise DemoError("the table is still the changed one")
    with stack.connect(_SERVER).cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {SCHEMA}.{ORDERS}")
        (rows,) = cursor.fetchone()
    return f"{rows} rows there and back, none of {writer.transactions:,} transactions lost"


def _check_definition(stack: Stack) -> None:
    text = _definition(stack)
    for part in _PARTS:
        if part not in text:
            raise DemoError(f"the new definition lacks {part}")


def _definition(stack: Stack) -> str:
    with stack.connect(_SERVER).cursor() as cursor:
        cursor.execute(f"SHOW CREATE TABLE {SCHEMA}.{ORDERS}")
        return str(cursor.fetchone()[1])


def _progress(stack: Stack) -> Progress:
    """Of the alter."""
    pools = Pools(load_settings(stack.config))
    try:
        oldest, *_ = list_migrations(pools)[0]
        return read_progress(pools, _SERVER, oldest.id)
    finally:
        pools.close()


def _report(stack: Stack, writer: Writer, rows: int, changed: int) -> None:
    progress = _progress(stack)
    copied = sum(table.rows_copied for table in progress.tables)
    applied = progress.stream.rows_applied if progress.stream else 0
    say(f"rows: {rows:,} ({copied:,} copied; {changed:,} written after the swap)")
    say(f"row changes applied from the binary log: {applied:,}")
    say(f"writer: {writer.transactions:,} transactions, none of them lost")
    say(f"writes had to wait for {progress.refused_s or 0.0:.2f} s; none was refused")


if __name__ == "__main__":
    main()
