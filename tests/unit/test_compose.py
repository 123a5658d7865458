"""The stack for Docker, parsed here and handed to `docker compose` where that runs; and units.

Its two scripts are run here: they need no Docker.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.cli.dashboard import LOGIN
from ops.cli.lazy import commands_of
from ops.cli.main import cli
from ops.cli.worker import worker
from ops.dev.sandbox.least_privileges import least_privileges
from ops.dev.sandbox.mysqld import OPTIONS
from pipeline.configuration.load import load_settings

_COMPOSE = Path(__file__).resolve().parents[2] / "compose"
_FILE = _COMPOSE / "docker-compose.yml"
_DOCKERFILE = _COMPOSE / "Dockerfile"
_EXAMPLES = _COMPOSE.parent / "ops" / "examples"
_NEEDED = ("gtid-mode", "enforce-gtid-consistency", "log-bin", "binlog-row-image", "local-infile")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_FILE.read_text())["services"]
    return found


def test_every_worker_has_a_role_that_the_command_knows(services: dict[str, Any]) -> None:
    commands = [one.get("command", [""]) for one in services.values()]
    roles = {command[1] for command in commands if command[0] == "worker"}
    choice = next(each for each in worker.params if each.name == "role").type
    assert roles == set(choice.choices)  # type: ignore[attr-defined]


def test_every_service_of_ours_is_a_command_with_its_options(services: dict[str, Any]) -> None:
    """An option that the command does not know would restart the service for ever."""
    ours = [one["command"] for one in services.values() if one["image"] == "tranship"]
    assert ["dashboard", "--address=0.0.0.0"] in ours
    for name, *arguments in ours:
        group = cli.make_context("tranship", [name])
        commands_of(cli)[name].make_context(name, arguments, parent=group)


def test_what_is_published_is_what_the_command_listens_on(services: dict[str, Any]) -> None:
    for name in ("dashboard", "metrics"):
        (port,) = [one.default for one in commands_of(cli)[name].params if one.name == "port"]
        assert services[name]["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert str(port) in services[name]["healthcheck"]["test"][-1]


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
    for name, variable in (("flower", "FLOWER_BASIC_AUTH"), ("dashboard", LOGIN)):
        login = services[name]["environment"][variable]
        assert login.startswith(f"${{{variable}:?")  # none, and it does not start


def test_nothing_imports_from_its_working_directory() -> None:
    assert "ENV PYTHONSAFEPATH=1" in (_COMPOSE / "Dockerfile").read_text()
    for unit in (_COMPOSE.parent / "ops" / "systemd").iterdir():
        assert "Environment=PYTHONSAFEPATH=1" in unit.read_text().splitlines(), unit


def test_the_image_holds_every_package() -> None:
    copied = (_COMPOSE / "Dockerfile").read_text()
    for name in ("pipeline", "tasks", "workers", "ops", "tranship"):
        assert f"COPY {name} {name}\n" in copied


def test_only_what_the_image_copies_is_sent_to_docker() -> None:
    ignored = (_COMPOSE.parent / ".dockerignore").read_text().splitlines()
    sources = " ".join(re.findall(r"^COPY (.*) \S+$", _DOCKERFILE.read_text(), re.M)).split()
    assert next(line for line in ignored if not line.startswith("#")) == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == set(sources)


def test_every_service_that_stays_says_whether_it_is_well(services: dict[str, Any]) -> None:
    staying = {name for name, one in services.items() if one.get("restart") == "unless-stopped"}
    assert set(services) - staying == {"secrets", "cli"}
    assert {name for name in staying if "healthcheck" not in services[name]} == set()


def test_no_service_of_ours_may_do_more_than_it_needs(services: dict[str, Any]) -> None:
    ours = [one for one in services.values() if one["image"] == "tranship"]
    assert len(ours) == 7
    for one in ours:
        assert one["read_only"]
        assert one["cap_drop"] == ["ALL"]
        assert "user" not in one  # the image's, which is not root


def test_a_password_is_seen_by_those_alone_who_use_it(services: dict[str, Any]) -> None:
    mounted: dict[str, set[str]] = {"server-secrets": set(), "worker-secrets": set()}
    for name, one in services.items():
        for volume in one.get("volumes", ()):
            source = volume.split(":")[0]
            if source in mounted:
                mounted[source].add(name)
    assert mounted["server-secrets"] == {"secrets", "source", "target"}
    assert mounted["worker-secrets"] == {
        "secrets", "copy", "stream", "coordinate", "dashboard", "metrics", "cli",
    }  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_passwords_are_readable_by_the_images_users_and_by_nobody_else(tmp_path: Path) -> None:
    servers, workers = tmp_path / "servers", tmp_path / "workers"
    servers.mkdir()
    workers.mkdir()
    before = []
    for _ in range(2):  # the second run keeps them
        subprocess.run([_COMPOSE / "make-secrets.sh", servers, workers], check=True)
        found = [servers / "root", servers / "tranship", workers / "tranship"]
        before.append([path.read_text() for path in found])
        of_image = re.search(r"useradd --uid (\d+)", _DOCKERFILE.read_text())
        assert of_image is not None
        assert [path.stat().st_uid for path in found] == [999, 999, int(of_image[1])]
        assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o400}
    assert before[0] == before[1]
    root, ours, theirs = before[0]
    assert ours == theirs != root
    assert re.fullmatch(r"[0-9a-f]{32}", root)
    assert re.fullmatch(r"[0-9a-f]{32}", ours)


def test_the_servers_users_are_those_of_the_examples(tmp_path: Path) -> None:
    (tmp_path / "tranship").write_text("5eCret")
    sourced = f"docker_process_sql() {{ cat; }}; . {_COMPOSE / 'make-user.sh'}"
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", sourced],
        env={**os.environ, "EXAMPLES": str(_EXAMPLES), "SECRETS": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    without_comments = re.sub(r"^--.*$", "", done.stdout, flags=re.M)
    run = [" ".join(one.split()) for one in without_comments.split(";") if one.strip()]
    assert list(dict.fromkeys(run)) == least_privileges(["shop"], "5eCret")


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
        env={"PATH": "/usr/bin:/usr/local/bin:/bin", "FLOWER_BASIC_AUTH": "a:b", LOGIN: "a:b"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
