"""Who does a migration's work: the word for it in leases, in failures and in the event log."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A kind of work. Any number of processes copy or verify; STREAM and COORDINATE are held
    under a lease, by one process a migration (I2)."""

    COPY = "copy"
    CHECKSUM = "checksum"
    STREAM = "stream"
    COORDINATE = "coordinate"
