"""A server that accepts a connection and says nothing: stopped, or out of its depth."""

from __future__ import annotations

import socket

import pytest

from pipeline.configuration.settings import Server, Timeouts
from pipeline.errors import RetryableError
from pipeline.mysql.connect import open_connection


@pytest.mark.timeout(20)
def test_a_server_that_hangs_is_given_up_long_before_a_statement_would_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Server(host="127.0.0.1", port=silent.getsockname()[1], user="u", password="p")
        with pytest.raises(RetryableError, match="old"):
            open_connection("old", server, Timeouts(connect_s=1, read_s=120))
