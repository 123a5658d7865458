"""Serves the page, by tornado, which Flower brings. It answers GET alone, and writes nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler, StaticFileHandler

from ops.dashboard.facts import details, overview
from ops.dashboard.history import History
from ops.dashboard.login import is_let_in
from pipeline.errors import RefusedError, TranshipError
from pipeline.mysql.pools import Pools

_FILES = Path(__file__).parent / "page"
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "tranship",
}


class _Guarded(RequestHandler):
    """Lets nobody in without a login."""

    def set_default_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        if not is_let_in(self.settings["logins"], self.request.headers.get("Authorization", "")):
            self.set_status(401)
            self.set_header("WWW-Authenticate", 'Basic realm="tranship"')
            self.finish("a login is needed")


class _File(_Guarded, StaticFileHandler):
    """The page, its script and its style."""


class _Facts(_Guarded):
    """Answers with JSON; servers are asked in a thread, so that one that is slow stops nobody."""

    def initialize(self, read: Callable[..., dict[str, Any]]) -> None:
        self.read = read

    async def get(self, *arguments: str) -> None:
        try:
            found = await IOLoop.current().run_in_executor(None, self.read, *arguments)
        except TranshipError as error:
            self.set_status(404 if isinstance(error, RefusedError) else 503)
            found = {"trouble": str(error)}
        self.write(found)


def serve(pools: Pools, logins: list[str], sockets: list[socket]) -> None:
    """Serve on these sockets until SIGTERM or SIGINT."""
    history = History(pools)
    history.start()
    asyncio.run(_serve(application(pools, history, logins), sockets))


def application(pools: Pools, history: History, logins: list[str]) -> Application:
    """The page and what it asks for."""

    def list_() -> dict[str, Any]:
        return overview(pools, history)

    def one(migration_id: str) -> dict[str, Any]:
        return details(pools, history, migration_id)

    return Application(
        [
            (r"/migrations", _Facts, {"read": list_}),
            (r"/migrations/([0-9a-f]+)", _Facts, {"read": one}),
            (r"/(.*)", _File, {"path": str(_FILES), "default_filename": "index.html"}),
        ],
        logins=logins,
    )  # fmt: skip


async def _serve(served: Application, sockets: list[socket]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    server = HTTPServer(served)
    server.add_sockets(sockets)
    await stopping.wait()
    server.stop()
