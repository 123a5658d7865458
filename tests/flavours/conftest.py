"""Servers of both flavours, in every pairing that is not MySQL with MySQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.configuration.load import load_settings
from pipeline.mysql.pools import Pools
from tests.support.selection import some
from tests.support.servers import running_servers

ACROSS = [("mariadb", "mysql"), ("mysql", "mariadb")]  # each flavour on each side
PAIRS = some([("mariadb", "mariadb"), *ACROSS], *ACROSS)


@pytest.fixture(scope="package", params=PAIRS, ids=lambda pair: "-to-".join(pair))
def flavours(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Of the source and of the target."""
    pair: tuple[str, str] = request.param
    return pair


@pytest.fixture(scope="package")
def config_file(
    flavours: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    given = os.environ.get("TRANSHIP_TEST_CONFIG_" + "_".join(flavours).upper())
    if given:
        yield Path(given)
        return
    with running_servers(flavours) as servers:
        path = tmp_path_factory.mktemp("config") / "tranship.toml"
        path.write_text(servers.as_toml())
        yield path


@pytest.fixture(scope="package")
def pools(config_file: Path) -> Iterator[Pools]:
    pools = Pools(load_settings(config_file))
    yield pools
    pools.close()
