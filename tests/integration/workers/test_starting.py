"""Workers as they are started by hand: in any directory, with names that last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.dev.sandbox.process import free_port
from tasks.queues import CHECKSUM, COPY, STREAM
from tests.support.servers import Broker, running_broker
from tests.support.terminal import call, running_worker

# Of our names, and of what is imported first, with the application, and with the tasks.
_THEIRS = ("workers", "pipeline", "ops", "kombu", "structlog", "pymysqlreplication")
# It ends as soon as all that are asked have answered.
_WAIT = ("--timeout", "20")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with running_broker() as broker:
        yield broker


@pytest.fixture
def directory(broker: Broker, tmp_path: Path) -> Path:
    """Somebody's, with a configuration in it."""
    (tmp_path / "tranship.toml").write_text(f'[broker]\nurl = "{broker.url}"\n')
    return tmp_path


@pytest.fixture
def applications_directory(directory: Path) -> Path:
    """An application's, whose modules have our names, and names of what we need."""
    (directory / "tasks").mkdir()
    for path in (*(f"{name}.py" for name in _THEIRS), "tasks/__init__.py"):
        (directory / path).write_text("raise RuntimeError('this is not of Tranship')\n")
    return directory


@pytest.mark.parametrize("role", ["copy", "stream"])
def test_modules_of_the_application_are_not_taken_for_ours(
    applications_directory: Path, role: str
) -> None:
    with running_worker(applications_directory, "tranship", "worker", role) as worker:
        assert worker.name == f"{role}-1"
        ping = ("inspect", *_WAIT, "-d", worker.node, "ping")
        done = call(applications_directory, "celery", "-A", "tranship", *ping)
        assert "1 node online" in done.stdout, done.stderr


def test_a_child_of_a_worker_does_not_take_them_for_ours_either(
    applications_directory: Path,
) -> None:
    with running_worker(applications_directory, "tranship", "worker", "coordinate") as worker:
        assert worker.name == "coordinate-1"
        task = ("call", "tranship.advance", "--args", '["nowhere", "1"]')
        done = call(applications_directory, "celery", "-A", "tranship", *task)
        assert done.returncode == 0, done.stderr
        worker.waits_for("No server is called 'nowhere'")
        assert "Traceback" not in worker.log.read_text()


def test_celery_by_way_of_python_finds_our_tasks_and_not_theirs(
    applications_directory: Path,
) -> None:
    command = ("-P", "-m", "celery", "-A", "tranship", "report")
    done = call(applications_directory, "python", *command)
    assert done.returncode == 0, done.stderr
    assert "not of Tranship" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("tranship", "inspect", "ping"), ("tranship.streamer", "worker")]
)
def test_no_configuration_is_one_line_and_no_traceback(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = call(tmp_path, "celery", "-A", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line == (
        f"tranship: There is no configuration file {tmp_path}/tranship.toml or"
        " /etc/tranship/tranship.toml. Create it, or name another one in $TRANSHIP_CONFIG."
    )


def test_a_wrong_configuration_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "tranship.toml").write_text("[workers]\ntik_s = 1\n")
    done = call(tmp_path, "celery", "-A", "tranship", "inspect", "ping")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "unknown key 'workers.tik_s'" in line


def test_a_worker_without_options_does_not_take_what_is_another_roles(directory: Path) -> None:
    plain = ("-A", "tranship", "worker", "-n", "plain@%h", "-l", "INFO")
    streamer = ("-A", "tranship.streamer", "worker", "-n", "streamer@%h", "-l", "INFO")
    with (
        running_worker(directory, "celery", *plain) as one,
        running_worker(directory, "celery", *streamer) as other,
    ):
        assert (one.name, other.name) == ("plain", "streamer")
        asked = ("inspect", *_WAIT, "-d", f"{one.node},{other.node}", "active_queues", "--json")
        done = call(directory, "celery", "-A", "tranship", *asked)
        queues = {
            node.partition("@")[0]: {queue["name"] for queue in found}
            for node, found in json.loads(done.stdout).items()
        }
        assert queues == {"plain": {COPY, CHECKSUM}, "streamer": {STREAM}}


def test_a_worker_that_was_killed_has_its_old_name_again(directory: Path) -> None:
    # Of a pool and of beat: children that a killed worker leaves to themselves.
    command = ("tranship", "worker", "coordinate")
    with running_worker(directory, *command) as first:
        assert first.name == "coordinate-1"
        first.kill()
        with running_worker(directory, *command) as second:
            assert second.name == "coordinate-1"


def test_workers_of_one_role_that_run_at_once_have_different_names(directory: Path) -> None:
    command = ("tranship", "worker", "copy", "-c", "1")
    with (
        running_worker(directory, *command) as one,
        running_worker(directory, *command) as other,
        running_worker(directory, *command, "--name", "night") as named,
    ):
        assert {one.name, other.name} == {"copy-1", "copy-2"}
        assert named.name == "night"


def test_doctor_names_a_worker_that_has_an_older_configuration(directory: Path) -> None:
    with running_worker(directory, "tranship", "worker", "stream") as worker:
        assert worker.node
        (workers,) = found_by_doctor(directory, "workers", "info")
        assert "stream-1" in workers
        with (directory / "tranship.toml").open("a") as file:
            file.write("[cut_over]\nlimit_s = 7\n")
        assert any("stream-1" in one for one in found_by_doctor(directory, "workers", "warning"))


def found_by_doctor(directory: Path, check: str, severity: str) -> list[str]:
    findings = json.loads(call(directory, "tranship", "doctor", "--json").stdout)["findings"]
    return [
        one["explanation"]
        for one in findings
        if (one["check"], one["severity"]) == (check, severity)
    ]


def test_flower_ends_while_the_broker_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a deploy kills it, after a minute."""
    (tmp_path / "tranship.toml").write_text(f'[broker]\nurl = "redis://127.0.0.1:{free_port()}/0"')
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "operator:let-me-in")
    port = str(free_port())
    with running_worker(tmp_path, "tranship", "worker", "flower", "--port", port) as flower:
        flower.waits_for("Failed to capture events")
        taken = call(tmp_path, "tranship", "worker", "flower", "--port", port)
        assert (taken.returncode, len(taken.stderr.splitlines())) == (2, 1), taken.stderr
        assert "Address already in use" in taken.stderr
        flower.process.terminate()
        assert flower.process.wait(timeout=20) == 0
