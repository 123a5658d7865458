"""Celery ends what hangs, and nothing that the configuration allows to take long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_SHOW = """
from workers.app import app
app.loader.import_default_modules()
print(*(app.tasks[f"tranship.{name}"].time_limit for name in ("advance", "tick", "copy_chunk")))
"""


def test_a_hook_that_may_take_long_is_never_cut_off_with_its_coordinator(tmp_path: Path) -> None:
    """Two hooks may run in one call, and a third right after the cut-over."""
    path = tmp_path / "tranship.toml"
    path.write_text("[hooks]\nlimit_s = 1800\n[cut_over]\nlimit_s = 900\n")
    environment = {**os.environ, "TRANSHIP_CONFIG": str(path)}
    shown = subprocess.check_output([sys.executable, "-c", _SHOW], env=environment, text=True)
    advance_s, tick_s, copy_s = map(float, shown.split())
    assert min(advance_s, tick_s) > 3 * 1800 + 900
    assert copy_s < 1800
