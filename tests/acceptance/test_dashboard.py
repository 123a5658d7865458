"""The dashboard in a browser: a move from its copy to its end, and nothing for a stranger."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from ops.dev.sandbox.process import free_port
from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.browser import LOGIN, picture, running_browser
from tests.support.moves import SOURCE, TARGET, begin_move, wait_for
from tests.support.stack import Stack
from tests.support.workload import Workload, create_tables

_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running_dashboard(config: Path) -> Iterator[int]:
    """Its port, once it answers; it ends on SIGTERM."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "ops.cli.main", "--config", str(config), "dashboard",
         "--port", str(port)],
        cwd=_ROOT, env={**os.environ, "TRANSHIP_DASHBOARD_AUTH": ":".join(LOGIN)},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while status(port, "migrations") != 401:
            assert time.monotonic() < deadline, "it does not answer"
            time.sleep(0.1)
        yield port
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()


def status(port: int, path: str, method: str = "GET") -> int | None:
    """What a stranger is answered; None: nobody listens."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def shows(browser: Chrome, pattern: str) -> str:
    """The page's text, once it matches; it asks again by itself."""
    text, deadline = "", time.monotonic() + 60
    while time.monotonic() < deadline:
        text = str(browser.find_element("tag name", "body").text)
        if re.search(pattern, text):
            return text
        time.sleep(0.2)
    raise AssertionError(f"no {pattern} on the page:\n{text}")


@pytest.mark.timeout(300)
def test_a_move_is_shown_from_its_verification_to_its_end_and_a_stranger_sees_nothing(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, config_file: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    create_tables(connect(), schema, 3000)
    migration_id = begin_move(pools, schema, ["accounts"], chunk_rows=50, postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    writers = Workload(lambda: connect(SOURCE), schema, 3000, seed=7, writers=1, pause_s=0.05)
    writers.start()
    with running_dashboard(config_file) as port, running_browser(tmp_path) as browser:
        for path in ("", "page.js", "migrations", f"migrations/{migration_id}"):
            assert status(port, path) == 401, path
        browser.get(f"http://{':'.join(LOGIN)}@127.0.0.1:{port}/#{migration_id}")
        text = shows(browser, rf"move {migration_id} {SOURCE} → {TARGET}: ready")
        assert "it is postponed and waits for you to allow it" in text
        assert "none yet" in text
        cells = browser.find_elements("css selector", ".map i")
        assert len(cells) > 20
        colour = browser.find_element("css selector", ".legend .verified")
        shown = {cell.value_of_css_property("background-color") for cell in cells}
        assert shown == {colour.value_of_css_property("background-color")}
        shows(browser, r"last \d")  # two samples of the lag at least
        writers.stop()
        picture(browser, "dashboard", tmp_path)
        control.cut_over(pools, TARGET, migration_id, "test")
        shows(browser, r": done for")
        shows(browser, r"attempt 1: [\d,]+ ms")
        picture(browser, "dashboard-done", tmp_path)
        assert browser.find_element("id", "trouble").text == ""
        assert not [one for one in browser.get_log("browser") if one["level"] == "SEVERE"]
