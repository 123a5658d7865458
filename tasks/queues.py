"""The queues' names. Nobody else spells them.

The prefix keeps them apart from an application's own, which may use the same Redis.
"""

from __future__ import annotations

COPY = "tranship.copy"
CHECKSUM = "tranship.checksum"
STREAM = "tranship.stream"
COORDINATE = "tranship.coordinate"

QUEUES = (COPY, CHECKSUM, STREAM, COORDINATE)
