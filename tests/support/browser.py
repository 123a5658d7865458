"""Debian's Chromium without a window, driven as a person would; and a Flower for it to show."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from ops.dev.sandbox.errors import SandboxError
from ops.dev.sandbox.packages import CHROMIUM, fetch
from ops.dev.sandbox.process import free_port
from ops.dev.sandbox.sandbox import default_root

_ROOT = Path(__file__).resolve().parents[2]
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--window-size=1280,800",
)  # fmt: skip
_LOOKS = 10
LOGIN = ("operator", "let-me-in")


@contextmanager
def running_browser(directory: Path) -> Iterator[Chrome]:
    """Skips on a machine that can't have it; fails there under CI."""
    try:
        program, driver, environment = _installed() or _fetched()
    except SandboxError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no browser: {error}")
    options = ChromeOptions()
    options.binary_location = program
    for argument in (*_QUIET, f"--user-data-dir={directory}/profile"):
        options.add_argument(argument)
    service = ChromeService(driver, env={**os.environ, **environment})
    browser = Chrome(options=options, service=service)
    try:
        yield browser
    finally:
        browser.quit()


def _installed() -> tuple[str, str, dict[str, str]] | None:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    return (program, driver, {}) if program and driver else None


def _fetched() -> tuple[str, str, dict[str, str]]:
    prefix = fetch(CHROMIUM, default_root() / "cache")
    driver = prefix.path / CHROMIUM.program
    return str(prefix.path / "usr/lib/chromium/chromium"), str(driver), prefix.environment()


@dataclass(frozen=True)
class Flower:
    """The dashboard, with a login."""

    port: int

    def page(self, path: str) -> str:
        """The address of a page, as a browser takes it, the login in it."""
        return f"http://{':'.join(LOGIN)}@127.0.0.1:{self.port}/{path}"

    def refuses_strangers(self) -> bool:
        """Whether a page without a login is refused."""
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/tasks", timeout=10)
        except urllib.error.HTTPError as error:
            return error.code == 401
        return False

    def tasks(self) -> dict[str, dict[str, Any]]:
        """What its API says of each task, by Celery's id of it."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/tasks")
        login = base64.b64encode(":".join(LOGIN).encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))

    def received(self, name: str) -> int:
        """How many messages of a task workers have received, those delivered again included."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        wanted = ("flower_events_total", f'task="{name}"', 'type="task-received"')
        counts = [line.rsplit(" ", 1)[1] for line in lines if all(part in line for part in wanted)]
        return int(sum(map(float, counts)))

    def answers(self) -> bool:
        try:
            return self.refuses_strangers()
        except OSError:
            return False


@contextmanager
def running_flower(config: Path, directory: Path) -> Iterator[Flower]:
    """As `tranship worker flower` starts it."""
    flower = Flower(free_port())
    with (directory / "flower.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ops.cli.main", "--config", str(config), "worker", "flower",
             f"--port={flower.port}"],
            cwd=_ROOT, stdout=log, stderr=log,
            env={**os.environ, "FLOWER_BASIC_AUTH": ":".join(LOGIN), "C_FORCE_ROOT": "1"},
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while not flower.answers():
            assert time.monotonic() < deadline, (directory / "flower.log").read_text()
            time.sleep(0.2)
        yield flower
    finally:
        process.terminate()
        process.wait(timeout=20)


def shown(browser: Chrome, flower: Flower, path: str, pattern: str, limit_s: float = 60) -> str:
    """The text of a page of Flower, once it matches `pattern`."""
    text, deadline = "", time.monotonic() + limit_s
    while time.monotonic() < deadline:
        browser.get(flower.page(path))
        for _ in range(_LOOKS):  # its tables are filled by scripts
            text = str(browser.find_element("tag name", "body").text)
            if re.search(pattern, text):
                return text
            time.sleep(0.2)
    raise AssertionError(f"no {pattern} in /{path}:\n{text}")


def picture(browser: Chrome, name: str, directory: Path) -> None:
    """A screenshot; into $TRANSHIP_SCREENSHOTS where that is set (`make screenshots`)."""
    folder = Path(os.environ.get("TRANSHIP_SCREENSHOTS", directory))
    assert browser.save_screenshot(str(folder / f"{name}.png"))
