"""Every mistake in the configuration becomes one clear line, and no password is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.configuration.load import load_settings, server_password, server_settings
from pipeline.errors import RefusedError

GOOD = '[servers.old]\nuser = "u"\npassword = "s3cret"\n'


def load(tmp_path: Path, text: str) -> object:
    path = tmp_path / "t.toml"
    path.write_text(text)
    return load_settings(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[servers.old]\nhost = 'h'\n", "servers.old.user"),
        (GOOD + "hots = 'h'\n", "servers.old.hots"),
        (GOOD + "port = 'many'\n", "servers.old.port"),
        (GOOD + "port = 0\n", "servers.old.port"),
        (GOOD + "password_env = 'X'\n", "only one of password"),
        (GOOD + "[row_copy]\nchunk_s = -1\n", "row_copy.chunk_s"),
        (GOOD + "[cutover]\n", "cutover"),
        (GOOD + "[row_copy\n", "t.toml"),
    ],
)
def test_a_mistake_names_the_file_and_the_key_in_one_line(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)
    assert "t.toml" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml")


def test_a_server_that_is_not_configured_is_named_with_those_that_are(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)
    with pytest.raises(RefusedError, match=r"new.*old"):
        server_settings(settings, "new")  # type: ignore[arg-type]


def test_the_environment_overlays_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSHIP_ROW_COPY__WINDOW", "3")
    monkeypatch.setenv("TRANSHIP_BROKER__URL", "redis://elsewhere/1")
    settings = load(tmp_path, GOOD + "[row_copy]\nwindow = 9\n")
    assert settings.row_copy.window == 3  # type: ignore[attr-defined]
    assert settings.broker.url.get_secret_value() == "redis://elsewhere/1"  # type: ignore[attr-defined]


def test_no_password_shows_in_what_settings_print(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD + "[broker]\nurl = 'redis://:hush@h/0'\n")
    for shown in (repr(settings), str(settings), repr(settings.servers)):  # type: ignore[attr-defined]
        assert "s3cret" not in shown
        assert "hush" not in shown


def test_a_password_comes_from_a_file_or_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pw").write_text("from file\n")
    monkeypatch.setenv("PW", "from environment")
    for line, wanted in (
        (f"password_file = '{tmp_path / 'pw'}'", "from file"),
        ("password_env = 'PW'", "from environment"),
    ):
        settings = load(tmp_path, f"[servers.old]\nuser = 'u'\n{line}\n")
        assert server_password(settings.servers["old"]) == wanted  # type: ignore[attr-defined]


def test_a_password_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    settings = load(tmp_path, "[servers.old]\nuser = 'u'\npassword_file = '/nowhere/pw'\n")
    with pytest.raises(RefusedError, match="/nowhere/pw"):
        server_password(settings.servers["old"])  # type: ignore[attr-defined]
