"""A Redis server of the sandbox: memory only, on a loopback port."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import redis

from ops.dev.sandbox import process
from ops.dev.sandbox.packages import REDIS, Prefix
from ops.dev.sandbox.process import Identity
from pipeline.errors import known


@dataclass
class RedisServer:
    """One server. What it holds is gone when it is killed, as it should be."""

    prefix: Prefix
    directory: Path
    port: int
    tied: bool
    identity: Identity | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        log = self.directory / "redis.log"
        command = [
            *self.prefix.command(REDIS.program), "--port", str(self.port), "--bind", "127.0.0.1",
            "--save", "", "--appendonly", "no", "--dir", str(self.directory),
        ]  # fmt: skip
        self.identity = process.spawn(command, log, tied=self.tied, environment={})
        process.wait_ready(self.identity, self._answers, log, "redis-server")

    def stop(self) -> None:
        if self.identity is not None:
            process.end(self.identity)

    def kill(self) -> None:
        process.kill(self._process)

    @property
    def _process(self) -> Identity:
        return known(self.identity, "the process of a server that was started")

    def restart(self) -> None:
        self.stop()
        self.start()

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
