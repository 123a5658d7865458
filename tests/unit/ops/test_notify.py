"""The workers hear of a start as soon as it is recorded: what telling takes is imported before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_START = """
import sys, threading
from ops.cli.main import run
code = run(["move", "--source", "old", "--target", "new", "--table", "a.b"])
for thread in threading.enumerate():
    if thread.name == "imports":
        thread.join()
print(code.name, *sys.modules)
"""
_FOR_WORKERS_ALONE = {
    "celery.worker", "pipeline.stream", "pymysqlreplication", "rich", "structlog",
}  # fmt: skip


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What a start has imported that reaches no server."""
    config = tmp_path_factory.mktemp("start") / "tranship.toml"
    servers = (f'[servers.{name}]\nuser = "u"\nport = 1\n' for name in ("old", "new"))
    config.write_text('[broker]\nurl = "redis://127.0.0.1:1/0"\n' + "\n".join(servers))
    done = subprocess.run(
        [sys.executable, "-c", _START],
        env={**os.environ, "TRANSHIP_CONFIG": str(config)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, *modules = done.stdout.split()
    assert code == "RETRY", done.stderr
    return set(modules)


def test_the_imports_for_telling_the_workers_do_not_wait_for_the_servers(
    imported: set[str],
) -> None:
    assert "workers.app" in imported


def test_who_tells_the_workers_imports_nothing_that_only_they_run(imported: set[str]) -> None:
    assert imported & _FOR_WORKERS_ALONE == set()
