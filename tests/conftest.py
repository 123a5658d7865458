"""Servers for the test session, a schema for each test, workers for those that ask for them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from pipeline.configuration.load import load_settings, server_password
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from tests.support.moves import SOURCE, TARGET
from tests.support.stack import SharedStacks, Stack

Connect = Callable[..., Any]
# Tests write configurations with passwords, which have to be their owner's alone.
os.umask(0o077)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long runs only when asked for by their marker; those that share workers come first."""
    items.sort(key=_order(items))
    if "long" in (config.option.markexpr or ""):
        return
    skip = pytest.mark.skip(reason="long: run with `make test-long`")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


def _order(items: list[pytest.Item]) -> Callable[[pytest.Item], tuple[int, bool]]:
    """Workers are started as seldom as can be: files in which some tests end them come second."""
    sharing = {item.path for item in items if _shares_workers(item)}
    ending = {item.path for item in items if _wants_no_workers(item)}

    def key(item: pytest.Item) -> tuple[int, bool]:
        place = 2 if item.path not in sharing else 1 if item.path in ending else 0
        return place, not _shares_workers(item)

    return key


def _shares_workers(item: Any) -> bool:
    return "shared_stack" in getattr(item, "fixturenames", ())


def _wants_no_workers(item: Any) -> bool:
    """But its own: others would coordinate its migrations, too."""
    return "config_file" in getattr(item, "fixturenames", ()) and not _shares_workers(item)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from tests.support.distribution import ByServers

    return ByServers(config, log)


@pytest.fixture(scope="session")
def config_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A configuration with servers `old` and `new` and a broker, all of them running."""
    given = os.environ.get("TRANSHIP_TEST_CONFIG")
    if given:
        yield Path(given)
        return
    from tests.support.servers import running_servers

    one, other = os.environ.get("TRANSHIP_TEST_FLAVOURS", "mysql,mysql").split(",")
    with running_servers((one, other)) as servers:
        path = tmp_path_factory.mktemp("config") / "tranship.toml"
        path.write_text(servers.as_toml())
        yield path


@pytest.fixture(scope="session")
def pools(config_file: Path) -> Iterator[Pools]:
    pools = Pools(load_settings(config_file))
    yield pools
    pools.close()


@pytest.fixture
def schema(pools: Pools) -> Iterator[str]:
    """A fresh schema on the source; gone from both servers afterwards."""
    name = f"t_{secrets.token_hex(4)}"
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE DATABASE {name}")
    yield name
    _end_migrations(pools)
    for server in (SOURCE, TARGET):
        with pools.begin(server) as connection:
            run(connection, f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def connect(pools: Pools, schema: str) -> Iterator[Connect]:
    """Opens plain connections, as an application would; closed before the schema goes."""
    opened: list[pymysql.Connection[Any]] = []

    def open_one(server: str = SOURCE, **extra: Any) -> pymysql.Connection[Any]:
        settings = pools.settings.servers[server]
        connection = pymysql.connect(
            host=settings.host,
            port=settings.port,
            user=settings.user,
            password=server_password(settings),
            **extra,
        )
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        if connection.open:
            connection.close()


def _end_migrations(pools: Pools) -> None:
    """A test that failed must not leave its migration to the next test's workers."""
    for server in (SOURCE, TARGET):  # that of a way back is on the source
        with pools.begin(server) as control:
            if table_exists(control, TableName("tranship", "claims")):
                run(control, "DELETE FROM tranship.claims")
                run(control, "UPDATE tranship.migrations SET stage='aborted' WHERE stage <> 'done'")


@pytest.fixture
def stack(config_file: Path, tmp_path: Path) -> Iterator[Stack]:
    """Workers that the test starts, kills and starts again; none is left behind."""
    stack = Stack(config_file, tmp_path)
    yield stack
    stack.kill()


@pytest.fixture(scope="session")
def shared_stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedStacks]:
    stacks = SharedStacks(tmp_path_factory.mktemp("workers"))
    yield stacks
    stacks.kill()


@pytest.fixture
def shared_stack(config_file: Path, shared_stacks: SharedStacks) -> Stack:
    """Workers for all tests that want nothing special of them, started once."""
    return shared_stacks.running(config_file)


@pytest.fixture(autouse=True)
def _no_workers_but_its_own(request: pytest.FixtureRequest, shared_stacks: SharedStacks) -> None:
    if _wants_no_workers(request.node):
        shared_stacks.kill()
