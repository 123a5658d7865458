"""Where the configuration file is: a name that commands need without reading the file."""

from __future__ import annotations

import os
from pathlib import Path

PATH_VARIABLE = "TRANSHIP_CONFIG"
DEFAULT_PATH = Path("tranship.toml")


def config_path(given: Path | None = None) -> Path:
    """The file to read: the one given, `$TRANSHIP_CONFIG`, or ./tranship.toml."""
    return given or Path(os.environ.get(PATH_VARIABLE, DEFAULT_PATH))
