"""Each mistake in the configuration is found before anything is opened, and shows no secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.configuration.load import (
    load_settings,
    server_password,
    server_settings,
)
from pipeline.configuration.path import PATH_VARIABLE, config_path
from pipeline.configuration.settings import Settings
from pipeline.errors import RefusedError

USER = '[servers.old]\nuser = "u"\n'
GOOD = USER + 'password = "s3cret"\n'
Load = Callable[[str], Settings]
Refusal = Callable[[str], str]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    path = tmp_path / "t.toml"

    def from_text(text: str) -> Settings:
        path.write_text(text)
        return load_settings(path)

    return from_text


@pytest.fixture
def refusal(load: Load) -> Refusal:
    """The one line that a mistake becomes."""

    def of(text: str) -> str:
        with pytest.raises(RefusedError) as caught:
            load(text)
        said = str(caught.value)
        assert "t.toml" in said
        assert "\n" not in said
        for shown in (said, repr(caught.value), repr(caught.value.__cause__)):
            assert "s3cret" not in shown
        assert caught.value.__suppress_context__, "the context may hold what was given"
        return said

    return of


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("servers = 3\n", "'servers'"),
        ("[servers]\nold = 's3cret'\n", "'servers.old'"),
        (USER + "host = 3\n", "servers.old.host"),
        (USER + "password = 12345678\n", "servers.old.password"),
        (USER + "password = ['s3cret']\n", "servers.old.password"),
        (USER + "passwrod = 's3cret'\n", "servers.old.passwrod"),
        (GOOD + "port = 65536\n", "servers.old.port"),
        (GOOD + "port = -1\n", "servers.old.port"),
        (GOOD + "port = 3306.5\n", "servers.old.port"),
        (USER + "tls = true\n", "servers.old.tls"),
        (USER + "[servers.old.tls]\nverify = false\n", "servers.old.tls.verify"),
        (GOOD + "[row_copy]\nwindow = 0\n", "row_copy.window"),
        (GOOD + "[row_copy]\nchunk_s = nan\n", "row_copy.chunk_s"),
        (GOOD + "[timeouts]\nidle_s = 'soon'\n", "timeouts.idle_s"),
        (GOOD + "[timeout]\nidle_s = 1\n", "'timeout'"),
        (GOOD + "[broker]\nurl = 3\n", "broker.url"),
        *(
            (f"[throttle]\nhttp = '{url}?key=s3cret{end}'\n", "throttle.http")
            for url, end in (
                ("host/check", ""),
                ("http://", ""),
                ("ftp://host/", ""),
                ("http://host:x/", ""),
                ("http://[host/", ""),
                ("http://host/", " a"),
                ("http://host/", "\N{DEGREE SIGN}"),
            )
        ),
    ],
)
def test_a_wrong_value_names_its_key(refusal: Refusal, text: str, key: str) -> None:
    assert key in refusal(text)


@pytest.mark.parametrize(
    "text",
    [USER + "password = 's3cret\n", USER + "password = s3cret\n", GOOD + GOOD, GOOD + "= 1\n"],
)
def test_what_is_not_toml_names_the_place_and_shows_no_content(refusal: Refusal, text: str) -> None:
    said = refusal(text)
    assert "is not TOML" in said
    assert "(at " in said


@pytest.mark.parametrize("others", ["password_file = '/x'\n", "password_env = 'X'\n"])
def test_two_places_for_one_password_are_refused(refusal: Refusal, others: str) -> None:
    assert "only one of password" in refusal(GOOD + others)
    both = USER + "password_file = '/x'\npassword_env = 'X'\n"
    assert "only one of password" in refusal(both)


def test_a_password_in_the_file_and_one_in_the_environment_are_refused(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSHIP_SERVERS__OLD__PASSWORD_ENV", "PW")
    assert "only one of password" in refusal(GOOD)


def test_a_directory_is_not_taken_for_the_file(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"can't be read"):
        load_settings(tmp_path)


def test_an_unset_variable_of_a_password_is_named_and_shows_nothing_else(load: Load) -> None:
    settings = load(USER + "password_env = 'NOWHERE_SET'\n")
    with pytest.raises(RefusedError, match="NOWHERE_SET") as caught:
        server_password(settings.servers["old"])
    assert "\n" not in str(caught.value)


def test_a_password_file_that_is_a_directory_is_one_line(load: Load, tmp_path: Path) -> None:
    settings = load(USER + f"password_file = '{tmp_path}'\n")
    with pytest.raises(RefusedError, match="password_file"):
        server_password(settings.servers["old"])


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_line_end_of_a_password_file_is_no_part_of_it(
    load: Load, tmp_path: Path, end: str
) -> None:
    (tmp_path / "pw").write_bytes(f" s3 cret {end}".encode())
    settings = load(USER + f"password_file = '{tmp_path / 'pw'}'\n")
    assert server_password(settings.servers["old"]) == " s3 cret "


def test_no_password_at_all_is_an_empty_one(load: Load) -> None:
    assert server_password(load(USER).servers["old"]) == ""


def test_without_any_server_the_refusal_says_so(load: Load) -> None:
    with pytest.raises(RefusedError, match=r"'old'.*known: none"):
        server_settings(load(""), "old")


def test_one_setting_of_a_server_can_be_overlaid_by_the_environment(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSHIP_SERVERS__OLD__PORT", "3307")
    monkeypatch.setenv("TRANSHIP_SERVERS__OLD__PASSWORD", "other")
    old = load(GOOD).servers["old"]
    assert (old.user, old.port, server_password(old)) == ("u", 3307, "other")


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("TRANSHIP_SERVERS__OLD__PORT", "s3cret", "servers.old.port"),
        ("TRANSHIP_BROKER__URRL", "s3cret", "broker.urrl"),
        ("TRANSHIP_ROW_COPY__WINDOW", "0", "row_copy.window"),
    ],
)
def test_a_wrong_variable_names_its_key(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch, name: str, value: str, key: str
) -> None:
    monkeypatch.setenv(name, value)
    assert key in refusal(GOOD)


def test_settings_cannot_be_changed_once_read(load: Load) -> None:
    settings = load(GOOD)
    with pytest.raises(ValueError, match="frozen"):
        settings.servers["old"].port = 1  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        settings.row_copy = settings.row_copy  # type: ignore[misc]


def test_no_password_shows_in_a_dump_or_in_json(load: Load) -> None:
    settings = load(GOOD + "[broker]\nurl = 'redis://:s3cret@h/0'\n")
    assert "s3cret" not in settings.model_dump_json()
    assert "s3cret" not in str(settings.model_dump())
    assert "s3cret" not in repr(settings.servers["old"])


def test_the_path_given_wins_over_the_variable_and_that_over_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(PATH_VARIABLE, raising=False)
    assert config_path() == Path("tranship.toml")
    monkeypatch.setenv(PATH_VARIABLE, "/from/variable.toml")
    assert config_path() == Path("/from/variable.toml")
    assert config_path(Path("/given.toml")) == Path("/given.toml")


def test_a_file_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_bytes(GOOD.encode() + b"# \xff\n")
    with pytest.raises(RefusedError):
        load_settings(path)


def test_a_password_file_that_is_not_utf8_is_one_line(load: Load, tmp_path: Path) -> None:
    (tmp_path / "pw").write_bytes(b"\xff\xfe")
    settings = load(USER + f"password_file = '{tmp_path / 'pw'}'\n")
    with pytest.raises(RefusedError):
        server_password(settings.servers["old"])


@pytest.mark.parametrize("name", ["TRANSHIP_SERVERS", "TRANSHIP_BROKER"])
def test_a_section_given_as_a_variable_that_is_not_json_is_one_line(
    load: Load, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, '{"old": "s3cret')
    with pytest.raises(RefusedError):
        load(GOOD)


def test_a_misspelt_variable_is_refused_as_a_misspelt_key_is(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSHIP_TIMEOUT__IDLE_S", "1")
    with pytest.raises(RefusedError):
        load(GOOD)


def test_a_wrong_variable_is_not_blamed_on_the_file_alone(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSHIP_SERVERS__OLD__PORT", "x")
    with pytest.raises(RefusedError, match=r"TRANSHIP_SERVERS__OLD__PORT|environment"):
        load(GOOD)


def test_an_endless_time_out_is_refused(load: Load) -> None:
    with pytest.raises(RefusedError):
        load(GOOD + "[cut_over]\nlimit_s = inf\n")


def test_true_is_no_port(load: Load) -> None:
    with pytest.raises(RefusedError):
        load(GOOD + "port = true\n")


def test_the_file_here_wins_over_the_machines_and_is_named_with_it_if_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PATH_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    machines = tmp_path / "etc" / "tranship.toml"
    monkeypatch.setattr("pipeline.configuration.path._MACHINE", machines)
    with pytest.raises(RefusedError, match=rf"{tmp_path}/tranship\.toml or {machines}"):
        load_settings()
    machines.parent.mkdir()
    machines.write_text(USER)
    assert config_path() == machines
    (tmp_path / "tranship.toml").write_text(USER)
    assert config_path() == Path("tranship.toml")
