"""Named points in the code at which a test delays, stops or kills the process.

The idea is Ghostferry's. Outside tests `$TRANSHIP_PAUSE` is unset, and a point costs one
dictionary look-up. Its value is JSON, from a point's name to an action:

    {"seed": 7, "copy.read": {"delay": [0, 0.5]},            sleep for a random time
     "cut-over.renamed": {"kill": 0.5},                      SIGKILL, with this probability
     "repair.read": {"mark": "/tmp/y"},                      create the file
     "stream.before-commit": {"hold": "/tmp/x"}}             wait while the file exists
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

VARIABLE = "TRANSHIP_PAUSE"


class Point(StrEnum):
    """Every pause point."""

    JOB_BEGUN = "job.begun"
    COPY_CLAIMED = "copy.claimed"
    COPY_READ = "copy.read"
    COPY_WRITTEN = "copy.written"
    COPY_BEFORE_COMMIT = "copy.before-commit"
    STREAM_BATCH = "stream.batch"
    STREAM_FLUSHED = "stream.flushed"
    STREAM_BEFORE_COMMIT = "stream.before-commit"
    STREAM_COMMITTED = "stream.committed"
    VERIFY_SOURCE_READ = "verify.source-read"
    VERIFY_TARGET_READ = "verify.target-read"
    INDEX_INTENT = "index.intent-written"
    INDEX_SENT = "index.sent"
    REPAIR_READ = "repair.read"
    REPAIR_LOCKED = "repair.locked"
    DDL_NOTED = "ddl.noted"
    INTENT_WRITTEN = "cut-over.intent-written"
    RENAMED = "cut-over.renamed"
    DRAINING = "cut-over.draining"
    VERIFYING = "cut-over.verifying"
    LOCKED = "cut-over.locked"
    RENAME_WAITS = "cut-over.rename-waits"
    PROVED = "cut-over.proved"
    SENTRY_DROPPED = "cut-over.sentry-dropped"
    SWAPPED = "cut-over.swapped"
    BEFORE_SUCCESS_HOOK = "cut-over.before-success-hook"
    DURING_SUCCESS_HOOK = "cut-over.during-success-hook"
    AFTER_SUCCESS_HOOK = "cut-over.after-success-hook"
    NAMES_GIVEN = "roll-back.names-given"
    WAY_BACK_RECORDED = "way-back.recorded"


_actions: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
_random = random.Random(_actions.pop("seed", None))
for _name in _actions:
    Point(_name)  # a misspelt point would be a test that proves nothing


def reached(point: Point) -> None:
    """Act if a test has asked for an action at `point`."""
    action = _actions.get(point)
    if callable(action):
        action()
    elif action is not None:
        _act(action)


@contextmanager
def at(point: Point, action: Callable[[], object]) -> Iterator[None]:
    """Within this process, call `action` whenever `point` is reached."""
    before = _actions.get(point)
    _actions[point] = action
    try:
        yield
    finally:
        _actions[point] = before


def _act(action: dict[str, Any]) -> None:
    if "delay" in action:
        time.sleep(_random.uniform(*action["delay"]))
    if "mark" in action:
        Path(action["mark"]).touch()
    if "hold" in action:
        while Path(action["hold"]).exists():
            time.sleep(0.02)
    if "kill" in action and _random.random() < action["kill"]:
        os.kill(os.getpid(), signal.SIGKILL)
