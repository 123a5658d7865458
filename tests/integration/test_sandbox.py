"""The sandbox: servers of our own, and nobody else's touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ops.dev.sandbox.errors import SandboxError
from ops.dev.sandbox.packages import debian_mirror
from ops.dev.sandbox.process import Identity
from ops.dev.sandbox.sandbox import Sandbox, default_root

_MIRROR = "http://mirror.example/debian"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(tied=True, name=f"test-sandbox-{os.getpid()}") as sandbox:
        yield sandbox


def test_two_servers_never_share_a_uuid_and_both_write_gtids(sandbox: Sandbox) -> None:
    found = set()
    for name in ("one", "two"):
        with sandbox.mysql(name).admin() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT @@server_uuid, @@gtid_mode, @@binlog_row_image, @@log_bin")
            uuid, *rest = cursor.fetchone() or ()
            found.add(uuid)
            assert rest == ["ON", "FULL", 1]
    assert len(found) == 2


def test_a_mariadb_server_logs_rows_under_gtids_of_its_own(sandbox: Sandbox) -> None:
    with sandbox.mariadb("one").admin() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE made")
        cursor.execute("SELECT @@version, @@binlog_format, @@binlog_row_image, @@gtid_binlog_pos")
        version, *rest, position = cursor.fetchone() or ()
        assert "MariaDB" in version
        assert rest == ["ROW", "FULL"]
        assert position.startswith("0-1-")


def test_a_killed_server_comes_back_with_its_data(sandbox: Sandbox) -> None:
    server = sandbox.mysql("one")
    server.run("CREATE DATABASE kept")
    server.kill()
    server.start()
    with server.admin() as connection, connection.cursor() as cursor:
        assert cursor.execute("SHOW DATABASES LIKE 'kept'") == 1


def test_stopping_ends_the_servers_and_leaves_no_directory(sandbox: Sandbox) -> None:
    redis = sandbox.redis()
    assert redis.identity is not None
    sandbox.__exit__(None, None, None)
    assert not redis.identity.alive
    assert not sandbox.directory.exists()


def test_a_process_that_only_got_the_number_of_one_of_ours_is_left_alone() -> None:
    mine = psutil.Process()
    assert not Identity(mine.pid, mine.create_time() - 60).alive


def test_servers_of_a_killed_owner_do_not_survive_it() -> None:
    name = f"test-owner-{os.getpid()}"
    owner = subprocess.Popen(
        [sys.executable, "-c",
         "from ops.dev.sandbox.sandbox import Sandbox; import time\n"
         f"s = Sandbox(tied=True, name={name!r}); print(s.redis().identity.pid, flush=True)\n"
         "time.sleep(60)"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert owner.stdout is not None
    server = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    owner.wait()
    psutil.wait_procs([server], timeout=10)
    assert not server.is_running()
    with Sandbox(default_root(), name=name):
        pass


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("sources.list", f"deb [trusted=yes] {_MIRROR} bookworm main\n"),
        ("sources.list.d/debian.sources", f"Types: deb\nURIs: {_MIRROR}/\n"),
    ],
)
def test_the_mirror_is_the_machines_own(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/other.list").write_text("deb http://other.example/repo x main\n")
    (tmp_path / file).write_text("# deb http://old.example/debian x\n" + text)
    assert debian_mirror(tmp_path).startswith(_MIRROR)


def test_a_machine_without_a_mirror_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no Debian mirror"):
        debian_mirror(tmp_path)
