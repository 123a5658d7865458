"""The stack for Docker, parsed here and handed to `docker compose` where that runs; and units."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.cli.worker import worker
from ops.dev.sandbox.mysqld import OPTIONS
from pipeline.configuration.load import load_settings

_COMPOSE = Path(__file__).resolve().parents[2] / "compose"
_FILE = _COMPOSE / "docker-compose.yml"
_NEEDED = ("gtid-mode", "enforce-gtid-consistency", "log-bin", "binlog-row-image", "local-infile")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_FILE.read_text())["services"]
    return found


def test_every_worker_has_a_role_that_the_command_knows(services: dict[str, Any]) -> None:
    roles = {one["command"][1] for one in services.values() if one["command"][0] == "worker"}
    choice = next(each for each in worker.params if each.name == "role").type
    assert roles == set(choice.choices)  # type: ignore[attr-defined]


@pytest.mark.parametrize("server", ["source", "target"])
def test_the_servers_log_what_the_sandbox_servers_log(
    services: dict[str, Any], server: str
) -> None:
    for name in _NEEDED:
        assert f"--{name}={OPTIONS[name]}" in services[server]["command"]


def test_the_configuration_names_the_servers_of_the_stack(
    services: dict[str, Any], tmp_path: Path
) -> None:
    settings = load_settings(_COMPOSE / "tranship.toml")
    assert {server.host for server in settings.servers.values()} == {"source", "target"}
    assert settings.broker.url.get_secret_value().startswith("redis://redis:")
    assert set(settings.servers) <= set(services)


def test_no_password_stands_in_the_files_and_nothing_is_open_to_the_network(
    services: dict[str, Any],
) -> None:
    for path in _COMPOSE.iterdir():
        if path.is_file():
            assert "password =" not in path.read_text()
    for one in services.values():
        assert all(str(port).startswith("127.0.0.1:") for port in one.get("ports", ()))
    login = services["flower"]["environment"]["FLOWER_BASIC_AUTH"]
    assert login.startswith("${FLOWER_BASIC_AUTH:?")  # none, and it does not start


def test_nothing_imports_from_its_working_directory() -> None:
    assert "ENV PYTHONSAFEPATH=1" in (_COMPOSE / "Dockerfile").read_text()
    for unit in (_COMPOSE.parent / "ops" / "systemd").iterdir():
        assert "Environment=PYTHONSAFEPATH=1" in unit.read_text().splitlines(), unit


def test_the_image_holds_every_package() -> None:
    copied = (_COMPOSE / "Dockerfile").read_text()
    for name in ("pipeline", "tasks", "workers", "ops", "tranship"):
        assert f"COPY {name} {name}\n" in copied


def _has_compose() -> bool:
    docker = shutil.which("docker")
    return docker is not None and (
        subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
        == 0
    )


@pytest.mark.skipif(not _has_compose(), reason="no docker compose on this machine")
def test_docker_compose_accepts_it() -> None:
    done = subprocess.run(
        ["docker", "compose", "-f", str(_FILE), "config", "--quiet"],
        env={"PATH": "/usr/bin:/usr/local/bin:/bin", "FLOWER_BASIC_AUTH": "a:b"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
