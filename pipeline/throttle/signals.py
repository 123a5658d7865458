"""What a throttle looks at: each signal is one function that reads one value.

A signal that can't be read counts as over its limit: a server that does not answer is not one
to be loaded further. Lag is that of a heartbeat which the coordinator writes on the target and
which arrives on its replicas, so it is true when nothing else is written.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from pipeline.configuration.settings import Throttle
from pipeline.control.throttles import BY_HAND, heartbeat_age_s
from pipeline.errors import FatalError, TranshipError
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.quoting import text_literal

_NEAR = 0.8


@dataclass(frozen=True)
class Reading:
    """One signal's value now. None: it can't be read, for the reason in `trouble`."""

    signal: str  # "lag of replica-1", "Threads_running on orders-old"
    value: float | None
    limit: float
    trouble: str = ""

    @property
    def over(self) -> bool:
        return self.value is None or self.value >= self.limit

    @property
    def near(self) -> bool:
        """Close enough to the limit to slow down."""
        return self.value is None or self.value >= _NEAR * self.limit

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.signal} can't be read ({self.trouble})"
        return f"{self.signal} is {self.value:g}, the limit {self.limit:g}"


Source = Callable[[], float]
_VALUE = re.compile(r" is \S+, the limit | can't be read \(")


def signal_of(reason: str) -> str:
    """What a reason is about, without its value: "lag of replica, in s"."""
    return "by hand" if reason.startswith(BY_HAND) else _VALUE.split(reason)[0]


def readings(pools: Pools, wanted: Throttle, source: str, target: str) -> Iterator[Reading]:
    """Every signal of servers and switches that the configuration asks for."""
    for replica in wanted.replicas:
        late = partial(_lag, pools, target, replica)
        yield _read(f"lag of {replica}, in s", wanted.max_lag_s, late)
    for server in dict.fromkeys((source, target)):
        yield from load(pools, server, wanted.max_load)
        if wanted.max_history_list is not None:
            length = partial(_ask, pools, server, _history_list)
            yield _read(f"history list length on {server}", wanted.max_history_list, length)
    yield from _switches(pools, wanted, source)


def load(pools: Pools, server: str, limits: dict[str, float]) -> Iterator[Reading]:
    """Status variables of a server against `limits`."""
    for name, limit in limits.items():
        value = partial(_ask, pools, server, partial(_status, name=name))
        yield _read(f"{name} on {server}", limit, value)


def _switches(pools: Pools, wanted: Throttle, source: str) -> Iterator[Reading]:
    """Yes or no: 1 is over the limit."""
    if wanted.flag_file is not None:
        path = wanted.flag_file
        yield _read(f"flag file {path}", 1, lambda: float(path.exists()))
    if wanted.query is not None:
        answer = partial(_ask, pools, source, partial(_query, query=wanted.query))
        yield _read(f"the throttle query on {source}", 1, answer)
    if wanted.http is not None:
        check = partial(_http, wanted.http, wanted.http_timeout_s)
        yield _read(f"HTTP check {wanted.http}", 1, check)


def _read(signal: str, limit: float, value: Source) -> Reading:
    try:
        return Reading(signal, value(), limit)
    except TranshipError as error:
        return Reading(signal, None, limit, error.explanation)
    except (OSError, ValueError, TypeError, IndexError) as error:
        return Reading(signal, None, limit, f"{type(error).__name__}: {error}")


def _ask(pools: Pools, server: str, question: Callable[[Connection], float]) -> float:
    with pools.begin(server) as connection:
        return question(connection)


def _lag(pools: Pools, target: str, replica: str) -> float:
    with pools.begin(target) as here, pools.begin(replica) as there:
        return heartbeat_age_s(here, there)


def _status(connection: Connection, name: str) -> float:
    rows = run(connection, f"SHOW GLOBAL STATUS WHERE Variable_name = {text_literal(name)}").rows
    if not rows:
        raise FatalError(f"there is no status variable {name}", "Correct [throttle].")
    return float(rows[0][1])


def _history_list(connection: Connection) -> float:
    rows = run(
        connection,
        "SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'",
    ).rows
    return float(rows[0][0])


def _query(connection: Connection, query: str) -> float:
    return float(run(connection, query).rows[0][0] or 0)


def _http(url: str, timeout_s: float) -> float:
    request = urllib.request.Request(url, method="HEAD")
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # raises from 400 on
        return 0.0 if answer.status == 200 else 1.0
