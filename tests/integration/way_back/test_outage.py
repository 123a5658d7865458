"""A server dies in the window: the way back goes on where it was, and no write is lost."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.dev.sandbox.mysqld import MySQLServer
from ops.dev.sandbox.sandbox import Sandbox
from pipeline.configuration.load import load_settings
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError
from pipeline.mysql.pools import Pools, run
from pipeline.status.progress import read_progress
from tests.support.moves import SOURCE, TARGET
from tests.support.servers import Address, Servers
from tests.support.way_backs import Round, ready_round


def address(server: MySQLServer) -> Address:
    return Address(server.host, server.port, server.user, server.password)


@pytest.fixture
def servers() -> Iterator[tuple[MySQLServer, MySQLServer]]:
    with Sandbox(tied=True, name=f"outage-{secrets.token_hex(4)}") as sandbox:
        yield sandbox.mysql("old"), sandbox.mysql("new")


@pytest.fixture
def there(servers: tuple[MySQLServer, MySQLServer], tmp_path: Path) -> Iterator[Round]:
    config = tmp_path / "tranship.toml"
    both = Servers(address(servers[0]), address(servers[1]), Address("127.0.0.1", 1))
    config.touch(mode=0o600)
    config.write_text(both.as_toml())
    pools = Pools(load_settings(config))
    with pools.begin(SOURCE) as source:
        run(source, "CREATE DATABASE s")
    with ready_round(pools, "s", tmp_path) as one:
        yield one
    pools.close()


@pytest.mark.long
def test_an_old_server_that_dies_in_the_window_costs_time_and_no_write(
    there: Round, servers: tuple[MySQLServer, MySQLServer]
) -> None:
    there.forward.allow()
    there.forward.coordinators.until_true(lambda: there.hooks.writes_to == TARGET)
    there.forward.coordinators.once()
    servers[0].kill()
    there.write(TARGET, 9)
    with pytest.raises(RetryableError):
        there.way_back.once()
    progress = read_progress(there.pools, TARGET, there.forward.id)
    assert progress.way_back is not None
    assert progress.way_back.trouble is not None
    servers[0].restart()
    there.write(TARGET, 10)
    there.take(there.followed(there.way_back))
    assert there.rows(SOURCE) == [[(1, "w"), (3, "y"), (9, "w"), (10, "w")]] * 2


@pytest.mark.long
def test_a_new_server_that_dies_in_the_window_delays_the_roll_back_and_loses_no_write(
    there: Round, servers: tuple[MySQLServer, MySQLServer]
) -> None:
    way = there.go()
    there.write(TARGET, 9)
    servers[1].kill()
    there.ask(way)
    way.once()
    assert there.read(way).failure is None
    servers[1].restart()
    there.write(TARGET, 10)
    way.until(Stage.DONE)
    assert there.rows(SOURCE) == [[(1, "w"), (3, "y"), (9, "w"), (10, "w")]] * 2
