"""Reads the signals that throttle: one function for each reads one value.

A replica's lag is that of a heartbeat, which the coordinator writes on the target and which arrives
on its replicas. So it is right even if nothing else is written.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPException
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import Connection

from pipeline.configuration.settings import Throttle
from pipeline.control.throttles import heartbeat_age_s
from pipeline.domain.reading import Reading, Signal
from pipeline.errors import FatalError, RetryableError, TranshipError
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.servers import status_variable

Read = Callable[[], float]


def readings(pools: Pools, limits: Throttle, source: str, target: str) -> Iterator[Reading]:
    """Every signal that the configuration asks for, of servers and of switches."""
    for replica in limits.replicas:
        lag = partial(_lag, pools, target, replica)
        yield _reading(Signal.REPLICA_LAG, limits.max_lag_s, lag, server=replica)
    for server in dict.fromkeys((source, target)):
        yield from load(pools, server, limits.max_load)
        if limits.max_history_list is not None:
            length = partial(_ask, pools, server, _history_list)
            yield _reading(Signal.HISTORY_LIST, limits.max_history_list, length, server=server)
    yield from _switches(pools, limits, source)


def load(pools: Pools, server: str, limits: dict[str, float]) -> Iterator[Reading]:
    """Status variables of a server, with their limits."""
    for name, limit in limits.items():
        status = partial(_ask, pools, server, partial(_status, name=name))
        yield _reading(Signal.LOAD, limit, status, server=server, subject=name)


def _switches(pools: Pools, limits: Throttle, source: str) -> Iterator[Reading]:
    """Signals that are yes or no; yes is 1, which is over the limit."""
    if limits.flag_file is not None:
        path = limits.flag_file
        yield _reading(Signal.FLAG_FILE, 1, lambda: float(path.exists()), subject=str(path))
    if limits.query is not None:
        answer = partial(_ask, pools, source, partial(_query, query=limits.query))
        yield _reading(Signal.QUERY, 1, answer, server=source)
    if limits.http is not None:
        check = partial(_http, limits.http, limits.http_timeout_s)
        yield _reading(Signal.HTTP, 1, check, subject=_shown(limits.http))


def _shown(url: str) -> str:
    """A URL without login and query: metrics and events, where it is shown, keep no secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _reading(
    signal: Signal, limit: float, read: Read, server: str | None = None, subject: str | None = None
) -> Reading:
    try:
        return Reading(signal, read(), limit, server, subject)
    except TranshipError as error:
        trouble = error.explanation
    except (OSError, ValueError, TypeError, IndexError) as error:
        trouble = f"{type(error).__name__}: {error}"
    return Reading(signal, None, limit, server, subject, trouble)


def _ask(pools: Pools, server: str, question: Callable[[Connection], float]) -> float:
    with pools.begin(server) as connection:
        return question(connection)


def _lag(pools: Pools, target: str, replica: str) -> float:
    with pools.begin(target) as here, pools.begin(replica) as there:
        return heartbeat_age_s(here, there)


def _status(connection: Connection, name: str) -> float:
    value = status_variable(connection, name)
    if value is None:
        raise FatalError(f"there is no status variable {name}", "Correct [throttle].")
    return float(value)


def _history_list(connection: Connection) -> float:
    rows = run(
        connection,
        "SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'",
    ).rows
    return float(rows[0][0])


def _query(connection: Connection, query: str) -> float:
    return float(bool(float(run(connection, query).rows[0][0] or 0)))


def _http(url: str, timeout_s: float) -> float:
    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # raises from 400 on
            return 0.0 if answer.status == 200 else 1.0
    except (HTTPException, ValueError) as error:  # whose text may hold the URL, and so a secret
        raise RetryableError(f"no HTTP answer ({type(error).__name__})") from None
