"""Pause points: one that acts when nobody asked kills a worker in production."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline import pausepoints
from pipeline.pausepoints import VARIABLE, Point, at, reached

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = """
from pipeline.pausepoints import Point, reached
reached(Point.COPY_READ)
print("went on", flush=True)
"""


def process(**actions: object) -> subprocess.CompletedProcess[str]:
    """A process that comes by COPY_READ with `actions` in its environment."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if actions:
        environment[VARIABLE] = json.dumps(
            {name.replace("_", ".", 1): what for name, what in actions.items()}
        )
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=_ROOT, env=environment,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("point", Point)
def test_a_point_nobody_asked_about_does_nothing(point: Point) -> None:
    started = time.monotonic()
    reached(point)
    assert time.monotonic() - started < 0.1


def test_without_the_variable_a_process_goes_on() -> None:
    done = process()
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


def test_a_kill_that_is_certain_kills_and_one_that_is_impossible_does_not() -> None:
    assert process(copy_read={"kill": 1}).returncode == -signal.SIGKILL
    assert process(copy_read={"kill": 0}).stdout == "went on\n"


def test_an_action_at_one_point_leaves_the_others_alone() -> None:
    assert process(copy_written={"kill": 1}).stdout == "went on\n"


def test_the_same_seed_kills_the_same_run() -> None:
    codes = {process(seed=5, copy_read={"kill": 0.5}).returncode for _ in range(3)}
    assert len(codes) == 1
    seeds = {process(seed=seed, copy_read={"kill": 0.5}).returncode for seed in range(8)}
    assert seeds == {0, -signal.SIGKILL}


def test_a_mark_says_that_the_point_was_reached_before_the_kill(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    done = process(copy_read={"mark": str(mark), "kill": 1})
    assert mark.exists()
    assert done.stdout == ""


def test_a_delay_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setitem(pausepoints._actions, Point.COPY_READ, {"delay": [0.2, 0.4]})
    reached(Point.COPY_READ)
    assert len(waited) == 1
    assert 0.2 <= waited[0] <= 0.4


def test_what_is_held_goes_on_when_the_file_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, mark = tmp_path / "hold", tmp_path / "mark"
    hold.touch()
    action = {"hold": str(hold), "mark": str(mark)}
    monkeypatch.setitem(pausepoints._actions, Point.COPY_READ, action)
    held = threading.Thread(target=reached, args=(Point.COPY_READ,))
    held.start()
    held.join(0.3)
    assert held.is_alive()
    assert mark.exists(), "a test that waits for the mark would wait for ever"
    hold.unlink()
    held.join(10)
    assert not held.is_alive()


def test_an_action_of_this_process_ends_with_its_block() -> None:
    calls: list[str] = []
    with at(Point.RENAMED, lambda: calls.append("renamed")):
        reached(Point.RENAMED)
        reached(Point.DRAINING)
        reached(Point.RENAMED)
    reached(Point.RENAMED)
    assert calls == ["renamed", "renamed"]


def test_an_action_that_raises_reaches_its_caller_and_is_taken_back() -> None:
    def fail() -> None:
        raise RuntimeError("told to")

    with pytest.raises(RuntimeError, match="told to"), at(Point.RENAMED, fail):
        reached(Point.RENAMED)
    reached(Point.RENAMED)


def test_every_point_is_passed_somewhere_in_the_code() -> None:
    """A test that waits at a point which no code passes would prove nothing."""
    passed = {
        node.args[0].attr
        for path in (_ROOT / "pipeline").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "reached"
        and node.args
        and isinstance(node.args[0], ast.Attribute)
    }
    assert passed == {point.name for point in Point}


def test_an_inner_action_gives_the_outer_one_back() -> None:
    calls: list[str] = []
    with at(Point.RENAMED, lambda: calls.append("outer")):
        with at(Point.RENAMED, lambda: calls.append("inner")):
            reached(Point.RENAMED)
        reached(Point.RENAMED)
    assert calls == ["inner", "outer"]


def test_a_misspelt_point_is_an_error_and_not_a_test_that_proves_nothing() -> None:
    assert process(copy_raed={"kill": 1}).returncode != 0
