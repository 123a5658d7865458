"""The demonstration: to the end, and interrupted in the middle."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support.interrupts import heeding_ctrl_c

_ROOT = Path(__file__).resolve().parents[2]


def demo(rows: int, *options: str, module: str = "ops.dev.demo") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, "--rows", str(rows), *options]
    with heeding_ctrl_c():
        return subprocess.Popen(
            command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def test_the_demonstration_ends_with_both_sides_identical() -> None:
    run = demo(20_000)
    output, _ = run.communicate(timeout=240)
    assert run.returncode == 0, output
    lines = output.strip().splitlines()
    assert re.fullmatch(r"demo: \d+ rows moved, both sides identical", lines[-1]), output
    for said in ("rows moved: ", "applied from the binary log: ", "writes were refused for ",
                 "Flower was at http://127.0.0.1:"):  # fmt: skip
        assert any(said in line for line in lines), (said, output)


@pytest.mark.long
def test_the_demonstration_of_the_way_back_loses_nothing() -> None:
    run = demo(20_000, "--way-back")
    output, _ = run.communicate(timeout=240)
    assert run.returncode == 0, output
    assert re.search(r"^demo: \d+ rows there and back, both sides identical$", output, re.M), output


@pytest.mark.long
def test_the_demonstration_of_an_alters_way_back_loses_nothing() -> None:
    run = demo(20_000, "--way-back", module="ops.dev.demo.alter")
    output, _ = run.communicate(timeout=240)
    assert run.returncode == 0, output
    assert re.search(r"^demo: \d+ rows there and back, none of .* lost$", output, re.M), output


@pytest.mark.long
def test_an_interrupted_demonstration_leaves_no_process() -> None:
    run = demo(200_000)  # it must not be over before it is interrupted
    assert run.stdout is not None
    started: dict[int, psutil.Process] = {}
    for line in run.stdout:
        if line.startswith(("copying:", "converging:")):
            break
    time.sleep(0.5)
    for process in psutil.Process(run.pid).children(recursive=True):
        started[process.pid] = process
    assert len(started) > 8  # servers, workers and their children
    run.send_signal(signal.SIGINT)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 130, output
    assert "interrupted" in output
    _, alive = psutil.wait_procs(list(started.values()), timeout=10)
    assert alive == []
