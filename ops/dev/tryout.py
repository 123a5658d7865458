"""python -m ops.dev.tryout DIST: installs the wheel of DIST into an empty environment and uses it.

As the image does it: from the wheels beside it, without an index, so that what is missing from the
wheel's own requirements is missing here, too. Then the demonstration moves live tables with workers
and commands of that environment alone, called in an empty directory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

_ROWS = 20_000
# What only development needs, and what only a checkout has.
_NOT_THERE = ("ops.dev", "pytest", "testcontainers", "mypy")
_LOOK = (
    "import importlib.util as u, pathlib, sys, ops\n"
    "assert pathlib.Path(ops.__file__).is_relative_to(sys.prefix), ops.__file__\n"
    f"found = [name for name in {_NOT_THERE} if u.find_spec(name)]\n"
    "assert not found, found\n"
)


@click.command()
@click.argument("dist", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(dist: Path) -> None:
    """Try the wheel of DIST, whose dependencies are in DIST/dependencies."""
    (wheel,) = dist.resolve().glob("tranship-*.whl")
    with tempfile.TemporaryDirectory(prefix="tranship-tryout-") as directory:
        place = Path(directory)
        programs = _install(wheel, place / "environment")
        elsewhere = place / "empty"
        elsewhere.mkdir()
        _call(elsewhere, programs / "python", "-c", _LOOK)
        _call(elsewhere, programs / "tranship", "--version")
        demo = ("-m", "ops.dev.demo", "--rows", _ROWS, "--program", programs / "tranship")
        _call(elsewhere, sys.executable, *demo)
    click.echo(f"tryout: {wheel.name} works in an empty environment")


def _install(wheel: Path, environment: Path) -> Path:
    _call(Path.cwd(), sys.executable, "-m", "venv", environment)
    programs = environment / "bin"
    beside = f"PIP_FIND_LINKS={wheel.parent / 'dependencies'}"
    pip = ("env", beside, programs / "pip", "install", "--quiet", "--no-index")
    _call(Path.cwd(), *pip, wheel)
    return programs


def _call(directory: Path, *command: object) -> None:
    """
    Raises:
        SystemExit: it failed; what it said stands above.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    clean["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    words = [str(word) for word in command]
    if subprocess.run(words, cwd=directory, env=clean, check=False).returncode:
        raise SystemExit(f"tryout: FAILED: {' '.join(words)}")


if __name__ == "__main__":
    main()
