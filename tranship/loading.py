"""How the command `celery -A tranship` gets our application, in whatever directory it is called.

Ours are the packages beside this one, and the configuration is $TRANSHIP_CONFIG or
./tranship.toml. Without one, or with a wrong one, the command ends in one line, with the exit
code that `tranship` itself would have.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

_HOME = Path(__file__).resolve().parents[1]
_OURS = ("ops", "workers", "tasks", "pipeline")


@contextmanager
def loading() -> Iterator[None]:
    """Import what is imported under it from where we are installed, or end this process."""
    kept = sys.path[:]
    try:
        _take_ours()
        _put_working_directory_last()
        with _one_line():
            _name_configuration()
            yield
    finally:
        sys.path[:] = kept


def _take_ours() -> None:
    """Import our packages, and nothing of what is in them, from beside this one.

    Python asks for a package's name only once: from here on an application's own `tasks` or
    `workers` can't be taken for ours, whatever is on the path.
    """
    sys.path.insert(0, str(_HOME))
    for name in _OURS:
        import_module(name)
    del sys.path[0]


def _put_working_directory_last() -> None:
    """Celery puts it first while it imports an application, Python's safe path or not.

    Last and not away: it may be where everything is installed.
    """
    with suppress(FileNotFoundError):  # the directory itself is gone
        if sys.path[0] in ("", str(Path.cwd())):
            sys.path.append(sys.path.pop(0))


@contextmanager
def _one_line() -> Iterator[None]:
    """Celery would print the traceback of any Exception, but lets SystemExit through."""
    from ops.cli.exits import exit_code
    from pipeline.errors import TranshipError

    try:
        yield
    except TranshipError as error:
        print(f"tranship: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(int(exit_code(error))) from None


def _name_configuration() -> None:
    """Have the environment say which it is, in full: hooks are told by it.

    Raises:
        RefusedError: there is none. `--config`, which our own command has, means another thing to
            Celery: the remedy does not speak of it.
    """
    from pipeline.configuration.load import PATH_VARIABLE, config_path
    from pipeline.errors import RefusedError

    path = config_path().absolute()
    if not path.exists():
        raise RefusedError(
            f"There is no configuration file {path}.",
            f"Create it, or name another in ${PATH_VARIABLE}.",
        )
    os.environ[PATH_VARIABLE] = str(path)
