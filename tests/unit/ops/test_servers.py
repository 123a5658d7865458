"""Which image a test session takes, what counts as passed on it, and what the page says of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ops.dev.servers import __main__ as matrix
from ops.dev.servers import images
from ops.dev.servers.images import MATRIX, USUAL, VARIABLE, ImageError, images_for, version_in

_ROOT = Path(__file__).resolve().parents[3]
_ROW = re.compile(r"^\| `(.+?)` \| (.+?) \|", re.M)
_BOTH = ("mysql", "mysql")


def _tried() -> dict[str, str]:
    """Each image of the page's table, and what was tried of it."""
    return dict(_ROW.findall((_ROOT / "docs" / "servers.md").read_text()))


def test_the_page_lists_the_images_that_the_command_tries() -> None:
    assert tuple(_tried()) == MATRIX


def test_the_makefile_has_no_list_of_its_own() -> None:
    makefile = (_ROOT / "Makefile").read_text()
    assert "ops.dev.servers $(addprefix --image=,$(SERVERS)) $(ON_MARIADB)" in makefile
    assert re.findall(r"(?:mysql|mariadb):[\d.]+", makefile) == []


def test_the_page_calls_no_version_tried_but_the_sandboxs() -> None:
    for image, tried in _tried().items():
        flavour, version = image.split(":")
        if image == USUAL[flavour]:
            assert f" {version}." in tried
            assert "the image: not tried" in tried
        else:
            assert tried == "not tried"


def test_the_stack_for_docker_runs_an_image_of_the_list() -> None:
    compose = yaml.safe_load((_ROOT / "compose" / "docker-compose.yml").read_text())
    named = {service.get("image", "") for service in compose["services"].values()}
    assert {one for one in named if "mysql:" in one or "mariadb:" in one} <= set(MATRIX)


@pytest.mark.parametrize(
    ("chosen", "flavours", "expected"),
    [
        ("", ("mariadb", "mysql"), ("mariadb:10.11", "mysql:9.7")),
        ("mysql:8.0,mysql:8.4", _BOTH, ("mysql:8.0", "mysql:8.4")),
        ("mysql:8.4", _BOTH, ("mysql:8.4", "mysql:8.4")),
        ("near:5000/team/mysql:8.0", _BOTH, ("near:5000/team/mysql:8.0",) * 2),
    ],
)
def test_each_server_is_of_the_image_that_was_chosen(
    chosen: str, flavours: tuple[str, str], expected: tuple[str, str]
) -> None:
    assert images_for(flavours, {VARIABLE: chosen}) == expected


@pytest.mark.parametrize(
    "chosen", ["mariadb:11.4", "mysql:8.0,mariadb:11.4", "percona:8", "mysql,mysql,mysql"]
)
def test_no_other_flavour_is_tried_in_the_images_place(chosen: str) -> None:
    with pytest.raises(ImageError):
        images_for(_BOTH, {VARIABLE: chosen})


def test_the_sandbox_is_not_tried_in_the_images_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "docker_answers", lambda: False)
    with pytest.raises(ImageError):
        images.use_docker({VARIABLE: "mysql:8.4"})
    assert not images.use_docker({})


def test_without_docker_nothing_is_called_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "docker_answers", lambda: False)
    done = CliRunner().invoke(matrix.main, ["--image=mariadb:11.4", "tests/none"])
    assert done.exit_code == 1
    assert done.output == f"Error: {matrix.NO_DOCKER}\n"


@pytest.mark.parametrize(
    ("status", "last_line", "passed"),
    [
        (0, "61 passed, 2 skipped in 300.1s", True),
        (0, "63 skipped in 3.1s", False),
        (1, "1 failed, 62 passed in 300.1s", False),
    ],
)
def test_an_image_passes_only_if_tests_ran_on_it(status: int, last_line: str, passed: bool) -> None:
    assert matrix.Outcome("mysql:8.4", "8.4.6", status, last_line).passed is passed


def test_servers_of_ones_own_are_not_tried_in_the_images_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRANSHIP_TEST_CONFIG", "/etc/tranship.toml")
    environment = matrix._environment("mariadb:11.4")
    assert "TRANSHIP_TEST_CONFIG" not in environment
    assert environment["TRANSHIP_TEST_FLAVOURS"] == "mariadb,mariadb"
    assert environment[VARIABLE] == "mariadb:11.4"


@pytest.mark.parametrize("image", MATRIX)
def test_every_test_that_is_named_is_there(image: str) -> None:
    named = [one for one in matrix.command(image, ()) if one.startswith("tests/")]
    assert all((_ROOT / one).exists() for one in named)
    assert bool(named) == image.startswith("mysql")


def test_the_exact_version_is_the_images_own() -> None:
    assert version_in(["PATH=/bin", "MYSQL_VERSION=8.4.6-1.el9"], "mysql") == "8.4.6-1.el9"
    assert version_in(["PATH=/bin"], "mariadb") == "version unknown"
