"""Servers with settings that few have: the source's, here, in place of the session's."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.dev.sandbox.sandbox import Sandbox
from pipeline.configuration.load import load_settings
from pipeline.mysql.pools import Pools
from tests.support.servers import Address, Servers


@contextmanager
def one_server(settings: Mapping[str, str], directory: Path) -> Iterator[Path]:
    """The configuration of a MySQL server with these settings, under both names."""
    with Sandbox(tied=True, name=f"settings-{secrets.token_hex(4)}") as sandbox:
        server = sandbox.mysql("old", settings)
        here = Address(server.host, server.port, server.user, server.password)
        path = directory / "tranship.toml"
        path.write_text(Servers(here, here, Address("127.0.0.1", 1)).as_toml())
        yield path


@pytest.fixture(scope="package")
def config_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    settings = {"lower-case-table-names": "1"}
    with one_server(settings, tmp_path_factory.mktemp("config")) as path:
        yield path


@pytest.fixture(scope="package")
def pools(config_file: Path) -> Iterator[Pools]:
    pools = Pools(load_settings(config_file))
    yield pools
    pools.close()
