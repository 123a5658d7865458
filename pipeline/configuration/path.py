"""Where the configuration file is: a name that commands need without reading the file."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.errors import RefusedError

PATH_VARIABLE = "TRANSHIP_CONFIG"
_HERE, _MACHINE = Path("tranship.toml"), Path("/etc/tranship/tranship.toml")
DEFAULTS = f"./{_HERE} or {_MACHINE}"


def config_path(given: Path | None = None) -> Path:
    """The file to read: the one given, `$TRANSHIP_CONFIG`, or the first default that is there."""
    named = given or os.environ.get(PATH_VARIABLE)
    if named:
        return Path(named)
    return next((path for path in (_HERE, _MACHINE) if _may_be_there(path)), _HERE)


def no_such_file(path: Path) -> RefusedError:
    """What to raise if `path`, from `config_path`, is not there."""
    default = path.absolute() == _HERE.absolute() and not os.environ.get(PATH_VARIABLE)
    tried = f"{path.absolute()} or {_MACHINE}" if default else str(path)
    return RefusedError(
        f"There is no configuration file {tried}.",
        f"Create it, or name another one in ${PATH_VARIABLE}.",
    )


def _may_be_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # reading it says why it can't be read
        return True
    return True
