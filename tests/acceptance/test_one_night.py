"""One night on call, as the documentation tells it, with everything real.

A schedule starts a move at its minute. A replica of the target stands still, so it waits; the
replica goes on, and so does the copy, seen in Flower. It is postponed, released, waits for its
window, cuts over in it. Prometheus is told all along, and the event log tells it again.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ops.dev.sandbox.errors import SandboxError
from ops.dev.sandbox.mysqld import MySQLServer
from ops.dev.sandbox.sandbox import Sandbox
from pipeline.configuration.load import load_settings
from pipeline.control.schema import read_now
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from pipeline.status.progress import Progress, read_progress
from tests.support.browser import picture, running_browser, running_flower, shown
from tests.support.moves import SOURCE, TARGET, story, wait_for, wait_until
from tests.support.prometheus import Endpoint, running_endpoint
from tests.support.servers import Address, Servers
from tests.support.stack import Stack
from tests.support.workload import Workload, create_tables, differences

_ROOT = Path(__file__).resolve().parents[2]
ROWS = 3000
_THROTTLE = '\n[throttle]\nreplicas = ["replica"]\nmax_lag_s = 2\ncheck_s = 0.2\n'


@dataclass
class Night:
    """Servers, workers and a person with a terminal."""

    servers: dict[str, MySQLServer]
    pools: Pools
    stack: Stack

    def tranship(self, *arguments: str) -> str:
        """The command line; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "ops.cli.main", "--config", str(self.stack.config), *arguments],
            cwd=_ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def connect(self, name: str) -> pymysql.Connection[Any]:
        one = self.servers[name]
        return pymysql.connect(host=one.host, port=one.port, user=one.user, password=one.password)

    def progress(self, migration_id: str) -> Progress:
        return read_progress(self.pools, TARGET, migration_id)

    def now(self) -> datetime:
        """By the clock that schedules and windows go by."""
        with self.pools.begin(TARGET) as control:
            return read_now(control)


@contextmanager
def a_night(directory: Path) -> Iterator[Night]:
    """Skips on a machine that can't have servers; fails there under CI."""
    try:
        with ExitStack() as ends:
            yield _begin(ends, directory)
    except SandboxError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no servers: {error}")


def _begin(ends: ExitStack, directory: Path) -> Night:
    sandbox = ends.enter_context(Sandbox(tied=True, name=f"night-{secrets.token_hex(4)}"))
    servers = {name: sandbox.mysql(name) for name in (SOURCE, TARGET)}
    servers["replica"] = sandbox.replica("replica", servers[TARGET])
    config = directory / "tranship.toml"
    text = Servers(
        *(Address(one.host, one.port, one.user, one.password)
          for one in (servers[SOURCE], servers[TARGET])),
        Address("127.0.0.1", sandbox.redis().port),
    ).as_toml()  # fmt: skip
    text = text.replace("stale_claim_s = 6", "stale_claim_s = 60")  # chunks are held for a while
    replica = servers["replica"]
    config.write_text(
        f'{text}\n[servers.replica]\nhost = "{replica.host}"\nport = {replica.port}\n'
        f'user = "{replica.user}"\npassword = "{replica.password}"\n{_THROTTLE}'
    )
    pools = Pools(load_settings(config))
    ends.callback(pools.close)
    stack = Stack(config, directory)
    ends.callback(stack.kill)
    return Night(servers, pools, stack)


def minute_after(now: datetime, least_s: float) -> datetime:
    """The next full minute that is at least `least_s` away."""
    later = now + timedelta(seconds=least_s)
    return later.replace(second=0, microsecond=0) + timedelta(minutes=1)


def heartbeat_arrived(now: Progress) -> bool:
    """Whether the throttle has been assessed, and the replica was not late."""
    return now.chunks_allowed is not None and not now.throttled


def window_from(begin: datetime) -> str:
    """Half an hour of it."""
    return f"{begin:%H:%M}-{begin + timedelta(minutes=30):%H:%M} UTC"


def stage_told(endpoint: Endpoint, migration_id: str) -> str:
    """The stage that Prometheus is told of."""
    (sample,) = endpoint.of(migration_id, "tranship_stage")
    return str(sample.labels["stage"])


@pytest.mark.long
def test_one_night(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    with (
        a_night(tmp_path) as night,
        running_endpoint(night.stack.config) as prometheus,
        running_flower(night.stack.config, tmp_path) as flower,
        running_browser(tmp_path) as browser,
    ):
        with night.connect(SOURCE).cursor() as cursor:
            cursor.execute("CREATE DATABASE shop")
        create_tables(night.connect(SOURCE), "shop", ROWS)
        writers = Workload(
            lambda: night.connect(SOURCE), "shop", ROWS, seed=8, writers=2, pause_s=0.02
        )
        writers.start()

        # A schedule for the coming minute.
        now = night.now()
        due = minute_after(now, 3)
        far = window_from(now + timedelta(hours=5))
        schedule_id = night.tranship(
            "schedule", "add", "--cron", f"{due.minute} {due.hour} * * *", "--",
            "move", "--source", SOURCE, "--target", TARGET, "--table", "shop.accounts",
            "--table", "shop.words", "--chunk-rows", "100", "--cut-over-window", far,
        ).split()[0]  # fmt: skip
        night.stack.start("coordinate", "stream")
        night.stack.start("copy", pause={"copy.read": {"hold": str(hold)}})
        found = wait_until(
            lambda: re.search(r"started (\w{8})", night.tranship("schedule", "list")),
            "the schedule starts nothing", limit_s=90,
        )  # fmt: skip
        migration_id = found[1]
        started = night.progress(migration_id)
        assert started.created_by == f"schedule {schedule_id}"
        assert due <= started.created_at < due + timedelta(seconds=20)

        # The replica stands still: throttled by its lag, and Prometheus is told.
        wait_until(lambda: heartbeat_arrived(night.progress(migration_id)), "no heartbeat arrives")
        night.servers["replica"].run("STOP REPLICA SQL_THREAD")
        wait_until(lambda: night.progress(migration_id).throttled, "it is not throttled")
        late = r"throttled: lag of replica is [2-9][\d.]* s, the limit 2 s"
        assert re.search(late, night.tranship("status", migration_id))
        wait_until(
            lambda: prometheus.value(migration_id, "tranship_throttled") == 1,
            "Prometheus is not told of the throttle",
        )
        (why,) = prometheus.of(migration_id, "tranship_throttle_reason")
        assert (why.labels["signal"], why.labels["server"]) == ("replica_lag", "replica")
        night.servers["replica"].run("START REPLICA SQL_THREAD")
        wait_until(lambda: not night.progress(migration_id).throttled, "it is throttled for ever")

        # Seen in Flower.
        chunk = rf"tranship.copy_chunk chunk \d+ of shop\.\w+ \({migration_id}\)"
        shown(browser, flower, "tasks", rf"{chunk} STARTED")
        picture(browser, "one-night", tmp_path)
        shown(browser, flower, "workers", r"stream-[^@]+@\S+\s+Online")

        # Postponed, released; it waits for its window, which is brought forward.
        night.tranship("postpone", migration_id)
        hold.unlink()
        wait_for(night.pools, migration_id, Stage.READY, logs=night.stack.logs)
        assert "postponed" in night.progress(migration_id).next
        assert stage_told(prometheus, migration_id) == "ready"
        assert prometheus.value(migration_id, "tranship_postponed") == 1
        night.tranship("cut-over", migration_id)
        assert f"waiting for its window, {far}" in night.progress(migration_id).next
        opens = minute_after(night.now(), 3)
        night.tranship("set", migration_id, f"cut_over_window={window_from(opens)}")
        migration = wait_for(night.pools, migration_id, Stage.DONE, logs=night.stack.logs)
        writers.stop()
        assert migration.blocked_at is not None
        assert opens <= migration.blocked_at < opens + timedelta(minutes=30)

        # What is left of it.
        assert stage_told(prometheus, migration_id) == "done"
        copied = sum(
            sample.value for sample in prometheus.of(migration_id, "tranship_rows_copied_total")
        )
        assert copied >= 2 * ROWS
        for name in ("accounts", "words"):
            names = (f"shop._{name}_del", f"shop.{name}")
            assert differences(night.connect(SOURCE), night.connect(TARGET), names) == []
        told = story(night.pools, migration_id)
        print(told)
        assert re.search(
            "created: move shop.accounts, shop.words from old to new.*preparing → copying"
            ".*throttled: lag of replica.*no longer throttled.*control: postponed"
            ".*copying → converging.*converging → ready.*cut-over allowed.*cut_over_window: "
            ".*ready → blocking.*blocking → draining.*draining → verifying.*verifying → switching"
            ".*switching → done",
            told, re.DOTALL,
        )  # fmt: skip
