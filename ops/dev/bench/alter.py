"""python -m ops.dev.bench.alter: `tranship alter` against the server's own ALTER TABLE, in turn.

The same table and the same changes, with nothing written meanwhile: one that keeps the values as
they are, one to another character set (converted once more to verify), one that has to be checked
value by value. It reports ratios, since the figures themselves drift with the machine.
"""

from __future__ import annotations

import statistics
import subprocess
import time

import click

from ops.dev.bench.move import stack_with_table
from ops.dev.demo.stack import Stack

_CHANGES = {
    "as it is": "ADD COLUMN c INT NOT NULL DEFAULT 1, COMMENT = '{}'",
    "converted": "CONVERT TO CHARACTER SET utf16, COMMENT = '{}'",
    "checked": "MODIFY note CHAR(40), COMMENT = '{}'",
}
_BACK = (
    "ALTER TABLE bench.narrow {}CONVERT TO CHARACTER SET utf8mb4, MODIFY note VARCHAR(40)"
    " CHARACTER SET utf8mb4, COMMENT = ''"
)


@click.command()
@click.option("--rows", type=click.IntRange(min=10_000), default=300_000, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
def main(rows: int, rounds: int) -> None:
    """Compare `tranship alter` with ALTER TABLE … ALGORITHM=COPY."""
    with stack_with_table(rows) as stack:
        stack.start()
        if not stack.flower_answers():
            raise SystemExit(f"the workers do not start\n{stack.logs()}")
        for name, change in _CHANGES.items():
            ratios = []
            for number in range(rounds):
                native = _native(stack, change.format(f"native {number}"))
                ours = _ours(stack, change.format(f"ours {number}"))
                ratios.append(ours / native)
                click.echo(f"{name}: ALTER TABLE {native:.1f} s, tranship alter {ours:.1f} s")
            click.echo(f"{name}: {statistics.median(ratios):.1f} times the server's own (median)")


def _native(stack: Stack, change: str) -> float:
    with stack.connect("old") as connection, connection.cursor() as cursor:
        began = time.monotonic()
        cursor.execute(f"ALTER TABLE bench.narrow {change}, ALGORITHM=COPY")
        took = time.monotonic() - began
    _restore(stack)
    return took


def _ours(stack: Stack, change: str) -> float:
    began = time.monotonic()
    process = stack.tranship(
        "alter",
        "--server",
        "old",
        "--table",
        "bench.narrow",
        "--wait",
        change,
        stdout=subprocess.DEVNULL,
    )
    if process.wait() != 0:
        raise SystemExit(f"tranship alter exited {process.returncode}\n{stack.logs()}")
    took = time.monotonic() - began
    with stack.connect("old") as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench.narrow_tranship_old")
    _restore(stack)
    return took


def _restore(stack: Stack) -> None:
    with stack.connect("old") as connection, connection.cursor() as cursor:
        cursor.execute("SHOW COLUMNS FROM bench.narrow LIKE 'c'")
        drop = "DROP COLUMN c, " if cursor.fetchall() else ""
        cursor.execute(_BACK.format(drop))


if __name__ == "__main__":
    main()
