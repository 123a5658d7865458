"""The workers hear of a start as soon as it is recorded: what telling takes is imported before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_START = """
import sys, threading
from ops.cli.main import run
code = run(["move", "--source", "old", "--target", "new", "--table", "a.b"])
for thread in threading.enumerate():
    if thread.name == "imports":
        thread.join()
print(code.name, "workers.app" in sys.modules)
"""


def test_the_imports_for_telling_the_workers_do_not_wait_for_the_servers(tmp_path: Path) -> None:
    config = tmp_path / "tranship.toml"
    servers = (f'[servers.{name}]\nuser = "u"\nport = 1\n' for name in ("old", "new"))
    config.write_text('[broker]\nurl = "redis://127.0.0.1:1/0"\n' + "\n".join(servers))
    done = subprocess.run(
        [sys.executable, "-c", _START],
        env={**os.environ, "TRANSHIP_CONFIG": str(config)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["RETRY", "True"], done.stderr
