"""The source server: where TRANSHIP_TEST_SOURCE points, or the sandbox's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.integration.stream_decoding.source import SourceServer


@pytest.fixture(scope="session")
def server() -> Iterator[SourceServer]:
    given = os.environ.get("TRANSHIP_TEST_SOURCE", "")
    if given:
        host, port, user, password = given.split(":")
        yield SourceServer(host, int(port), user, password)
    else:
        pytest.skip("no server")


@pytest.fixture
def source(server: SourceServer) -> Iterator[SourceServer]:
    """The server, with an empty schema for this test alone."""
    schema = f"decode_{uuid4().hex[:8]}"
    server.run(f"CREATE DATABASE `{schema}`")
    yield replace(server, schema=schema)
    server.run(f"DROP DATABASE IF EXISTS `{schema}`")
