"""python -m ops.dev.servers TESTS…: runs the tests on each image in turn, then says how each went.

An image passes if tests ran on it and none failed; that all were skipped proves nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import click

from ops.dev.servers.images import MATRIX, VARIABLE, docker_answers, exact_version, flavour_of

NO_DOCKER = (
    "No Docker answers, so nothing was tried. Start one, or name one in DOCKER_HOST, and run"
    " make test-servers again; make test and make test-mariadb need none."
)
# An alter is refused on MariaDB. Rights are what differs most between versions of MySQL.
_ON_MYSQL_TOO = (
    "tests/acceptance/test_alter.py", "tests/acceptance/test_alter_cut_over.py",
    "tests/acceptance/test_least_privileges.py",
)  # fmt: skip
_NOT_ON_MARIADB = "--ignore-glob=*/test_alter_*.py"


@dataclass(frozen=True)
class Outcome:
    """How the tests went on one image."""

    image: str
    version: str
    status: int
    last_line: str

    @property
    def passed(self) -> bool:
        return self.status == 0 and " passed" in self.last_line

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "NOT PASSED"
        return f"{self.image:<14} {self.version:<24} {verdict:<10}  {self.last_line}"


@click.command()
@click.option("--image", "images", multiple=True, default=MATRIX, show_default=True)
@click.argument("tests", nargs=-1, required=True)
def main(images: tuple[str, ...], tests: tuple[str, ...]) -> None:
    """Run TESTS, and what only MySQL can do, on servers of each image."""
    if not docker_answers():
        raise click.ClickException(NO_DOCKER)
    outcomes = [_tried(image, tests) for image in images]
    click.echo("\n== make test-servers\n" + "\n".join(str(one) for one in outcomes))
    sys.exit(not all(one.passed for one in outcomes))


def _tried(image: str, tests: Iterable[str]) -> Outcome:
    click.echo(f"\n== {image}")
    running = subprocess.Popen(
        command(image, tests), env=_environment(image), stdout=subprocess.PIPE, text=True
    )
    last = ""
    for line in running.stdout or ():
        click.echo(line, nl=False)
        last = line.strip() or last
    return Outcome(image, _version(image), running.wait(), last)


def command(image: str, tests: Iterable[str]) -> list[str]:
    """What runs the tests on servers of the image's flavour."""
    only = _ON_MYSQL_TOO if flavour_of(image) == "mysql" else (_NOT_ON_MARIADB,)
    return [sys.executable, "-m", "pytest", "-q", "-m", "not long", *tests, *only]


def _environment(image: str) -> dict[str, str]:
    """Without servers of somebody's own, which would be tried in the image's place."""
    flavour = flavour_of(image)
    kept = {name: value for name, value in os.environ.items() if name != "TRANSHIP_TEST_CONFIG"}
    return {**kept, VARIABLE: image, "TRANSHIP_TEST_FLAVOURS": f"{flavour},{flavour}"}


def _version(image: str) -> str:
    try:
        return exact_version(image)
    except Exception:  # the image could not be had, which the tests' outcome says
        return "version unknown"


if __name__ == "__main__":
    main()
