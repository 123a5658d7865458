"""The demonstration's way back: some writes on the new server, a roll-back, some on the old one.

Afterwards every write that was acknowledged, on whichever server, has to be on the old one; and the
new server's retired tables, which the way forward fills by then, have to be the same.
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


def roll_back(stack: Stack, writer: Writer, migration_id: str) -> None:
    """Roll back under the writer, and prove that nothing was lost on either way.

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
        raise DemoError("the writer did not come back to the old server")
    broken = broken_promises(stack.connect("old"), writer.acknowledged)
    if broken:
        raise DemoError(f"{len(broken)} acknowledged writes are lost: {broken[:5]}")
    say(f"rolled back; {writer.transactions - before:,} transactions since it was asked for")
    _compare(stack)


def _compare(stack: Stack) -> None:
    """The retired tables of the new server get what the old one has, within a moment."""
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
