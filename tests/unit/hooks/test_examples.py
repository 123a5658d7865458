"""The example hooks do what they say, twice if need be, and fail loudly if they can't.

Each runs as a hook does, against a stand-in for what it talks to: SQLite, which is what ProxySQL's
admin interface is, behind a client called `mysql`; a `nsupdate` that writes down its input; an HTTP
server.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline.hooks.process import HookResult, run_hook

_HOOKS = Path(__file__).resolve().parents[3] / "ops" / "examples" / "hooks"
# ProxySQL's own columns, as far as they matter; LOAD and SAVE copy a table, as there.
_PROXY = f"""#!{sys.executable}
import sqlite3, sys
given = dict(one.lstrip("-").partition("=")[::2] for one in sys.argv[1:])
assert given["port"] == "6032" and open(given["defaults-extra-file"]).read()
admin = sqlite3.connect("PLACE/" + given["host"], isolation_level=None)
copies = {{"LOAD MYSQL QUERY RULES TO RUNTIME": ("runtime_mysql_query_rules", "mysql_query_rules"),
          "SAVE MYSQL QUERY RULES TO DISK": ("disk_mysql_query_rules", "mysql_query_rules")}}
if given["execute"] in copies:
    to, of = copies[given["execute"]]
    admin.execute(f"DELETE FROM {{to}}")
    admin.execute(f"INSERT INTO {{to}} SELECT * FROM {{of}}")
else:
    for row in admin.execute(given["execute"]):
        print(*row, sep="\\t")
"""
_TABLES = ("mysql_query_rules", "runtime_mysql_query_rules", "disk_mysql_query_rules")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of programs that comes first on the PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def program(place: Path, name: str, text: str) -> None:
    (place / name).write_text(text)
    (place / name).chmod(0o755)


def hook(name: str, *arguments: object, target: str = "orders-new") -> HookResult:
    command = shlex.join([str(_HOOKS / name), *(str(one) for one in arguments)])
    return run_hook(command, {"TRANSHIP_TARGET": target}, 20, lambda: None)


@pytest.fixture
def proxies(place: Path) -> list[Path]:
    """Two proxies with a rule 101 that leads to hostgroup 10."""
    program(place, "mysql", _PROXY.replace("PLACE", str(place)))
    (place / "login").write_text("[client]\nuser=admin\n")
    found = [place / "proxy-1", place / "proxy-2"]
    for path in found:
        with sqlite3.connect(path) as admin:
            for table in _TABLES:
                admin.execute(f"CREATE TABLE {table} (rule_id INT, destination_hostgroup INT)")
                admin.execute(f"INSERT INTO {table} VALUES (101, 10), (102, 10)")
        admin.close()
    return found


def rules(proxy: Path, table: str) -> list[tuple[int, int]]:
    admin = sqlite3.connect(proxy)
    try:
        return admin.execute(f"SELECT * FROM {table} ORDER BY rule_id").fetchall()
    finally:
        admin.close()


_HOSTGROUPS = ("orders-old=10", "orders-new=20")
_HOSTS = ("orders-old=old.example.net.", "orders-new=new.example.net.")


def test_proxysql_sends_the_statements_to_where_the_tables_are_and_back(
    proxies: list[Path],
) -> None:
    login = proxies[0].parent / "login"
    for target, hostgroup in (("orders-new", 20), ("orders-new", 20), ("orders-old", 10)):
        done = hook("proxysql.sh", login, "proxy-1,proxy-2", 101, *_HOSTGROUPS, target=target)
        assert done.succeeded, done.output
        for proxy in proxies:
            for table in _TABLES:
                assert rules(proxy, table) == [(101, hostgroup), (102, 10)]


@pytest.mark.parametrize(
    ("rule", "target"), [("103", "orders-new"), ("101 OR 1=1", "orders-new"), ("101", "elsewhere")]
)
def test_a_rule_or_a_server_that_is_not_known_fails_the_hook(
    proxies: list[Path], rule: str, target: str
) -> None:
    login = proxies[0].parent / "login"
    done = hook("proxysql.sh", login, "proxy-1", rule, *_HOSTGROUPS, target=target)
    assert not done.succeeded
    assert "rule" in done.output
    assert rules(proxies[0], "runtime_mysql_query_rules") == [(101, 10), (102, 10)]


@pytest.mark.parametrize("target", ["new", "old"])
def test_a_name_is_pointed_at_the_server_where_the_tables_are(place: Path, target: str) -> None:
    program(place, "nsupdate", f'#!/bin/sh\necho "$@" > {place}/said\ncat >> {place}/said\n')
    done = hook("dns.sh", "key", "ns1", "db.example.net.", *_HOSTS, target=f"orders-{target}")
    assert done.succeeded, done.output
    assert (place / "said").read_text().splitlines() == [
        "-k key", "server ns1", "update delete db.example.net. CNAME",
        f"update add db.example.net. 5 CNAME {target}.example.net.", "send",
    ]  # fmt: skip
    assert not hook("dns.sh", "key", "ns1", "db.example.net.", *_HOSTS, target="else").succeeded


def test_a_refused_update_fails_the_hook(place: Path) -> None:
    program(place, "nsupdate", "#!/bin/sh\necho 'update failed: REFUSED' >&2\nexit 2\n")
    done = hook("dns.sh", "key", "ns1", "db.example.net.", *_HOSTS)
    assert not done.succeeded
    assert "REFUSED" in done.output


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")


class _Service(BaseHTTPRequestHandler):
    """Keeps what is put; refuses whoever has no token."""

    kept: dict[str, str]

    def do_PUT(self) -> None:
        length = int(self.headers["Content-Length"])
        if self.headers["X-Token"] == "let me in":
            self.kept[self.path] = self.rfile.read(length).decode()
            self.send_response(200)
        else:
            self.send_response(403)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's standard error."""


@pytest.fixture
def service() -> Iterator[HTTPServer]:
    _Service.kept = {}
    with HTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@needs_curl
def test_a_configuration_service_is_told_the_targets_name(
    service: HTTPServer, tmp_path: Path
) -> None:
    (tmp_path / "headers").write_text("X-Token: let me in\n")
    url = f"http://127.0.0.1:{service.server_port}/v1/kv/orders/server"
    assert hook("push-config.sh", url, tmp_path / "headers").succeeded
    assert _Service.kept == {"/v1/kv/orders/server": "orders-new"}


@needs_curl
def test_a_service_that_refuses_fails_the_hook(service: HTTPServer) -> None:
    done = hook("push-config.sh", f"http://127.0.0.1:{service.server_port}/v1/kv/orders/server")
    assert not done.succeeded
    assert "403" in done.output
