"""Who does a migration's work, as leases, failures and the event log call it."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A kind of work.

    Any number of processes copy and verify; STREAM and COORDINATE are held under a lease, by one
    process for each migration (I2).
    """

    COPY = "copy"
    CHECKSUM = "checksum"
    STREAM = "stream"
    COORDINATE = "coordinate"
