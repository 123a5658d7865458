"""The Redis transport with one fix: a worker outlives its connection.

A worker that loses the broker acknowledges the messages that it holds on a channel that is
closed by then, and kombu (5.7) fails there with an AttributeError, which nobody expects and
which ends the worker. Here a closed channel fails like a lost connection, and Celery goes on as
it does with any other transport: the worker connects again, the messages are lost or arrive
twice, and neither does harm.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import ConnectionError as RedisConnectionError


class Channel(redis.Channel):  # type: ignore[misc]
    """A channel that says that it is closed."""

    # Unacknowledged messages need not be put back: the coordinator sends them again.
    do_restore = False

    def _connparams(self, asynchronous: bool = False) -> Any:
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("the channel is closed")
        return super()._connparams(asynchronous=asynchronous)


class Transport(redis.Transport):  # type: ignore[misc]
    """The Redis transport with such channels."""

    Channel = Channel


def install() -> None:
    """Make every `redis://` and `rediss://` URL of this process use it."""
    for name in ("redis", "rediss"):
        TRANSPORT_ALIASES[name] = f"{__name__}:{Transport.__name__}"
