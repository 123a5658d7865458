"""The demonstrations' way back: some writes to the new tables, a roll-back, some to the old ones.

Afterwards every write that was acknowledged, to whichever, has to be in the old ones; and of a move
the new server's retired tables, which the way forward fills by then, have to be the same.
"""

from __future__ import annotations

import time

from ops.dev.demo.compare import broken_promises, compare
from ops.dev.demo.showing import DemoError, say
from ops.dev.demo.stack import Stack
from ops.dev.demo.tables import CUSTOMERS, ORDERS
from ops.dev.demo.writer import Writer
from pipeline.waiting import wait_until

WINDOW = "1h"
_AFTERWARDS_S = 2.0
_LIMIT_S = 60.0


def roll_back(stack: Stack, writer: Writer, migration_id: str, server: str) -> None:
    """Roll back under the writer, to `server`, and prove that nothing was lost on either way.

    Raises:
        DemoError: something was.
    """
    before = writer.transactions
    command = stack.tranship("roll-back", migration_id, "--wait")
    if command.wait() != 0:
        raise DemoError(f"`tranship roll-back` exited {command.returncode}.\n{stack.logs()}")
    time.sleep(_AFTERWARDS_S)
    writer.stop()
    if writer.errors:
        raise DemoError(f"the writer met {writer.errors[0]!r}")
    if writer.transactions == before:
        raise DemoError(f"the writer did not come back to {server}")
    broken = broken_promises(stack.connect(server), writer.acknowledged)
    if broken:
        raise DemoError(f"{len(broken)} acknowledged writes are lost: {broken[:5]}")
    say(f"rolled back; {writer.transactions - before:,} transactions since it was asked for")


def compare_retired(stack: Stack) -> None:
    """The retired tables of the new server get what the old one has, within a moment.

    Raises:
        DemoError: they do not.
    """
    found: list[str] = []

    def equal() -> bool:
        found[:] = [
            difference
            for name in (ORDERS, CUSTOMERS)
            for difference in compare(stack.connect("new"), stack.connect("old"), name)[1]
        ]
        return not found

    if not wait_until(equal, _LIMIT_S, 0.5):
        raise DemoError("the two sides differ: " + "; ".join(found))
