"""TLS and sockets: a combination that would not do what it seems to do is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.configuration.load import load_settings
from pipeline.configuration.settings import Server, TlsMode
from pipeline.errors import RefusedError

USER = '[servers.old]\nuser = "u"\n'
TLS = USER + "[servers.old.tls]\n"


def server(tmp_path: Path, text: str) -> Server:
    (tmp_path / "t.toml").write_text(text)
    return load_settings(tmp_path / "t.toml").servers["old"]


def test_a_server_without_a_word_on_tls_is_reached_as_before(tmp_path: Path) -> None:
    assert server(tmp_path, USER).tls.mode is TlsMode.PREFERRED


@pytest.mark.parametrize(
    "text",
    [
        "mode = 'verify'\n",
        "mode = 'verify'\nca = '/ca'\ncert = '/c'\nkey = '/k'\nverify_hostname = false\n",
        "mode = 'required'\ncert = '/c'\nkey = '/k'\n",
        "mode = 'required'\ncert = '/both-in-one'\n",
        "mode = 'preferred'\n",
        "mode = 'disabled'\n",
    ],
)
def test_what_a_mode_uses_is_never_refused(tmp_path: Path, text: str) -> None:
    assert server(tmp_path, TLS + text).tls.mode in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TLS + "ca = '/ca'\n", "ca: of no use with mode preferred, only with verify"),
        (TLS + "mode = 'disabled'\nca = '/ca'\n", "ca: of no use with mode disabled"),
        (TLS + "mode = 'required'\nca = '/ca'\n", "ca: of no use with mode required"),
        (TLS + "mode = 'required'\nverify_hostname = true\n", "verify_hostname: of no use"),
        (TLS + "cert = '/c'\nkey = '/k'\n", "cert, key: of no use with mode preferred"),
        (TLS + "cert = '/c'\n", "only with required or verify"),
        (TLS + "mode = 'verify'\nkey = '/k'\n", "key is given without its cert"),
        (TLS + "mode = 'verify-ca'\n", "servers.old.tls.mode"),
        (USER + "socket = '/s'\nhost = 'h'\n", "either socket, or host and port"),
        (USER + "socket = '/s'\nport = 3306\n", "either socket, or host and port"),
        (USER + "socket = '/s'\ntls.mode = 'preferred'\n", "a socket has no TLS"),
        (USER + "socket = '/s'\ntls.mode = 'verify'\n", "a socket has no TLS"),
    ],
)
def test_a_setting_never_passes_for_a_protection_that_it_is_not(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        server(tmp_path, text)
    assert said in str(caught.value)
    assert "servers.old" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tls", ["", "tls.mode = 'disabled'\n"])
def test_a_socket_is_where_a_message_says_the_server_is(tmp_path: Path, tls: str) -> None:
    assert server(tmp_path, USER + f"socket = '/s'\n{tls}").address == "/s"
    assert server(tmp_path, USER + "port = 3307\n").address == "127.0.0.1:3307"
