"""Loads our application for the command `celery -A tranship`, whatever directory it is called in.

Our packages are those beside this one, and the configuration is $TRANSHIP_CONFIG,
./tranship.toml or /etc/tranship/tranship.toml. If that is missing or wrong, the command ends with
one line, and with the exit code of `tranship` itself.
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
    """Have what is imported inside come from where we are installed, or end this process."""
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
    """Import our packages from beside this one, but none of their modules.

    Python searches for a package only once: from here on an application's own `tasks` or `workers`
    can't be taken for ours, whatever is on the path.
    """
    sys.path.insert(0, str(_HOME))
    for name in _OURS:
        import_module(name)
    del sys.path[0]


def _put_working_directory_last() -> None:
    """Move it to the end: Celery puts it first while it imports an application, even under -P.

    It is not removed, since it may be where everything is installed.
    """
    with suppress(FileNotFoundError):  # the directory itself is gone
        if sys.path[0] in ("", str(Path.cwd())):
            sys.path.append(sys.path.pop(0))


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn an error into one line: Celery would print its traceback, but not SystemExit's."""
    from ops.cli.exits import exit_code
    from pipeline.errors import TranshipError

    try:
        yield
    except TranshipError as error:
        print(f"tranship: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(int(exit_code(error))) from None


def _name_configuration() -> None:
    """Put its absolute path into the environment, where hooks find it.

    Raises:
        RefusedError: there is none. The remedy does not mention our `--config`, which means
            something else to Celery.
    """
    from pipeline.configuration.path import PATH_VARIABLE, config_path, no_such_file

    path = config_path().absolute()
    if not path.exists():
        raise no_such_file(path)
    os.environ[PATH_VARIABLE] = str(path)
