"""No process uses a password that others on the machine could have read."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from pipeline.configuration.load import load_settings, server_password
from pipeline.errors import RefusedError

USER = '[servers.old]\nuser = "u"\n'
PASSWORD = USER + 'password = "s3cret"\n'
BROKER = USER + "[broker]\nurl = 'redis://:s3cret@h/0'\n"


def written(path: Path, text: str, mode: int) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("text", [PASSWORD, BROKER])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o660])
def test_a_configuration_with_a_password_is_refused_where_others_can_read_it(
    tmp_path: Path, text: str, mode: int
) -> None:
    path = written(tmp_path / "t.toml", text, mode)
    with pytest.raises(RefusedError, match=f"mode {mode:o}") as caught:
        load_settings(path)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("text", [USER, USER + "[broker]\nurl = 'redis://h/0'\n"])
def test_a_configuration_without_a_password_may_be_read_by_all(tmp_path: Path, text: str) -> None:
    assert load_settings(written(tmp_path / "t.toml", text, 0o644)).servers


def test_a_password_file_is_refused_where_others_can_read_it(tmp_path: Path) -> None:
    secret = written(tmp_path / "it's a password", "s3cret\n", 0o644)
    path = written(tmp_path / "t.toml", USER + f'password_file = "{secret}"\n', 0o644)
    with pytest.raises(RefusedError, match="it's a password") as caught:
        load_settings(path)
    assert "s3cret" not in str(caught.value)


def test_the_remedy_is_a_command_that_helps(tmp_path: Path) -> None:
    secret = written(tmp_path / "it's a password", "s3cret\n", 0o644)
    path = written(tmp_path / "t.toml", USER + f'password_file = "{secret}"\n', 0o644)
    with pytest.raises(RefusedError) as caught:
        load_settings(path)
    subprocess.run(shlex.split(caught.value.remedy.removeprefix("Run: ")), check=True)
    assert server_password(load_settings(path).servers["old"]) == "s3cret"


def test_a_password_file_that_is_not_there_yet_does_not_keep_the_others_from_being_used(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "t.toml", USER + 'password_file = "/nowhere/pw"\n', 0o644)
    assert load_settings(path).servers["old"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize(("mode", "accepted"), [(0o640, True), (0o644, False), (0o660, False)])
def test_a_file_of_roots_may_be_read_by_its_group_and_by_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, accepted: bool
) -> None:
    path = written(tmp_path / "t.toml", PASSWORD, mode)
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    if accepted:
        assert load_settings(path).servers
    else:
        with pytest.raises(RefusedError, match="chmod 640"):
            load_settings(path)
