"""sysbench as the application that writes: bounded in time, and ended with its context.

It never uses TLS, whatever what is measured does: sysbench 1.0 then wants three files of
certificates in its working directory. Without them it ended at once, and rows waited in vain for
what it should have written.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.dev.bench.peers.peer import Command, command, running
from ops.dev.bench.stand import Deadline, Stand
from ops.dev.bench.tables import SCHEMA
from ops.dev.sandbox import process
from ops.dev.sandbox.process import Identity

_WARM_S = 0.5
_RATE = re.compile(rb"transactions:\s+\d+\s+\(([\d.]+) per sec")


@dataclass(frozen=True, kw_only=True)
class Load:
    """What sysbench does: one of its own scripts, on tables `sbtest1` and following."""

    script: str = "oltp_write_only"
    tables: int = 1
    rows: int
    threads: int = 4
    per_s: int = 0  # transactions; 0: as many as it can
    events: int = 0  # transactions in all; 0: until the time is over
    uniform: bool = False  # otherwise some rows are hotter than others


@dataclass(frozen=True)
class Sysbench:
    """A running sysbench. It ends by itself when a table is gone, as an application would stop."""

    identity: Identity
    log: Path

    def stop(self) -> None:
        process.send(self.identity, signal.SIGINT)
        process.end(self.identity)

    def wait(self) -> None:
        deadline = Deadline("sysbench does not end")
        while self.identity.alive:
            deadline.pause()

    def refuse_failed(self) -> None:
        """
        Raises:
            SystemExit: it has ended without having written.
        """
        if not self.identity.alive:
            self._rate()

    @property
    def transactions_per_s(self) -> float:
        """Of all its time, once it has ended.

        Raises:
            SystemExit: it has failed.
        """
        return self._rate()

    def _rate(self) -> float:
        found = _RATE.search(self.log.read_bytes())
        if found is None:
            raise SystemExit("sysbench: " + " | ".join(self.log.read_text().splitlines()[-3:]))
        return float(found.group(1))


@contextmanager
def writing(stand: Stand, load: Load, seconds: float) -> Iterator[Sysbench]:
    """sysbench writing on the source, for at most `seconds`.

    Raises:
        SystemExit: it fails at once.
    """
    log = stand.stack.directory / "sysbench.log"
    log.unlink(missing_ok=True)
    with running(_command(stand, load, seconds), log) as identity:
        time.sleep(_WARM_S)
        one = Sysbench(identity, log)
        one.refuse_failed()
        yield one


def rows_changed(stand: Stand) -> int:
    """Rows that the source's writers have changed since the server was started."""
    names = ("Innodb_rows_inserted", "Innodb_rows_updated", "Innodb_rows_deleted")
    return sum(stand.status(stand.source, name) for name in names)


def _command(stand: Stand, load: Load, seconds: float) -> Command:
    one = stand.stack.servers[stand.source]
    return command(
        stand, "sysbench", load.script, "--db-driver=mysql",
        f"--mysql-host={one.host}", f"--mysql-port={one.port}", f"--mysql-user={one.user}",
        f"--mysql-password={one.password}", f"--mysql-db={SCHEMA}",
        "--mysql-ssl=off",
        f"--tables={load.tables}", f"--table-size={load.rows}", f"--threads={load.threads}",
        f"--rate={load.per_s}", f"--events={load.events}", f"--time={seconds:.0f}",
        f"--rand-type={'uniform' if load.uniform else 'special'}", "run",
    )  # fmt: skip
