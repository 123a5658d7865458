"""The source server: where TRANSHIP_TEST_SOURCE (host:port:user:password) points, or one of
its own: these tests purge binary logs and change global variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.integration.stream_decoding.source import SourceServer
from tests.support.servers import running_servers


@pytest.fixture(scope="session")
def server() -> Iterator[SourceServer]:
    given = os.environ.get("TRANSHIP_TEST_SOURCE", "")
    if given:
        host, port, user, password = given.split(":")
        yield SourceServer(host, int(port), user, password)
        return
    with running_servers() as servers:
        old = servers.old
        yield SourceServer(old.host, old.port, old.user, old.password)


@pytest.fixture
def source(server: SourceServer) -> Iterator[SourceServer]:
    """The server, with an empty schema for this test alone."""
    schema = f"decode_{uuid4().hex[:8]}"
    server.run(f"CREATE DATABASE `{schema}`")
    yield replace(server, schema=schema)
    server.run(f"DROP DATABASE IF EXISTS `{schema}`")
