"""Connections: ended by their number, which a server that has started again gives to others; and
taken from a pool that neither pings nor rolls back one that it knows to be good.
"""

from __future__ import annotations

from collections.abc import Callable

import pymysql
import pytest
from sqlalchemy import Connection

from pipeline.errors import FatalError
from pipeline.mysql import pooled
from pipeline.mysql import pools as connections
from pipeline.mysql.pools import (
    Pools,
    connection_id,
    connection_is_alive,
    kill_anybody,
    kill_connection,
    run,
)
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, wait_until


@pytest.mark.parametrize(
    "ask", [run, lambda link, text: link.exec_driver_sql(text)], ids=["text", "SQLAlchemy"]
)
def test_an_error_names_the_server_that_it_came_from(
    pools: Pools, ask: Callable[[Connection, str], object]
) -> None:
    """Even while another server is read: a digest of the source, say, beside the target's."""

    def fail() -> None:
        with pools.begin(SOURCE) as source, pools.begin(TARGET):
            ask(source, "SELECT nothing")

    with pytest.raises(FatalError, match=f"^Server {SOURCE}: "):
        fail()


def test_a_connection_that_was_there_is_ended(pools: Pools, connect: Connect) -> None:
    ours = connect(TARGET)
    kill_connection(pools, TARGET, ours.thread_id(), known_s=0.0)
    with pytest.raises(pymysql.err.MySQLError):
        ours.ping(reconnect=False)
    with pools.begin(TARGET) as connection:
        assert not connection_is_alive(connection, ours.thread_id())


def test_a_connection_that_ends_by_itself_before_it_is_killed_is_no_error(
    pools: Pools, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut-over would fail for good because a blocker went by itself."""
    theirs = connect(TARGET)
    number = theirs.thread_id()

    def ends_after_the_look(link: Connection, number: int, known_s: float) -> bool:
        there = connection_is_alive(link, number, known_s)
        theirs.close()
        wait_until(lambda: not connection_is_alive(link, number), "its end")
        return there

    monkeypatch.setattr(connections, "connection_is_alive", ends_after_the_look)
    kill_connection(pools, TARGET, number)
    with pools.begin(TARGET) as connection:
        assert not connection_is_alive(connection, number)


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


def test_a_connection_of_another_user_is_never_taken_for_the_one_that_was_noted(
    pools: Pools, schema: str
) -> None:
    """After a failover the number is known on a server that has given it to somebody else."""
    name, server = f"user_{schema}", pools.settings.servers[TARGET]
    with pools.begin(TARGET) as connection:
        run(connection, f"CREATE USER {name}")
    theirs = pymysql.connect(host=server.host, port=server.port, user=name)
    number = theirs.thread_id()
    kill_connection(pools, TARGET, number)
    theirs.ping(reconnect=False)
    with pools.begin(TARGET) as connection:
        assert not connection_is_alive(connection, number)
    kill_anybody(pools, TARGET, number)
    with pytest.raises(pymysql.err.MySQLError):
        theirs.ping(reconnect=False)
    with pools.begin(TARGET) as connection:
        run(connection, f"DROP USER {name}")


def test_a_pooled_connection_that_was_lost_while_idle_is_opened_again(
    pools: Pools,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours = Pools(pools.settings)  # with one connection, which is the one that comes next
    with ours.begin(TARGET) as connection:
        lost = connection_id(connection)
    connect(TARGET).query(f"KILL {lost}")
    monkeypatch.setattr(pooled, "_IDLE_S", 0.0)
    with ours.begin(TARGET) as connection:
        assert connection_id(connection) != lost
        assert run(connection, "SELECT 1").rows == ((1,),)
    ours.close()
    assert "Traceback" not in caplog.text  # the server closes each one that is idle for long


def test_what_fails_halfway_leaves_no_transaction_to_the_next_user(
    pools: Pools, schema: str
) -> None:
    """Its row locks would stay until somebody else commits."""
    locked = f"SELECT * FROM {schema}.t FOR UPDATE NOWAIT"
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t SELECT 1 AS id")
    with pools.begin(SOURCE) as other:  # or it would get the connection that is left behind
        with pools.engine(SOURCE).connect() as connection:
            run(connection, locked)
            with pytest.raises(pymysql.err.MySQLError):
                run(connection, "SELECT nonsense")
            with pytest.raises(pymysql.err.MySQLError):
                run(other, locked)
        assert run(other, locked).rows == ((1,),)
