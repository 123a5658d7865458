"""A connection is ended by its number, which a server that has started again gives to others."""

from __future__ import annotations

import pymysql
import pytest

from pipeline.mysql.pools import Pools, connection_is_alive, kill_connection
from tests.conftest import Connect
from tests.support.moves import TARGET


def test_a_connection_that_was_there_is_ended(pools: Pools, connect: Connect) -> None:
    ours = connect(TARGET)
    kill_connection(pools, TARGET, ours.thread_id(), known_s=0.0)
    with pytest.raises(pymysql.err.MySQLError):
        ours.ping(reconnect=False)
    with pools.begin(TARGET) as connection:
        assert not connection_is_alive(connection, ours.thread_id())


def test_a_number_from_before_the_servers_start_is_somebody_elses_now(
    pools: Pools, connect: Connect
) -> None:
    theirs = connect(TARGET)
    long_ago_s = 10.0**9
    kill_connection(pools, TARGET, theirs.thread_id(), known_s=long_ago_s)
    theirs.ping(reconnect=False)
    with pools.begin(TARGET) as connection:
        assert not connection_is_alive(connection, theirs.thread_id(), long_ago_s)
        assert connection_is_alive(connection, theirs.thread_id())
