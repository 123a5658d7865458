"""The names of the queues; no other module spells them.

The prefix keeps them apart from the application's own queues, which may be on the same Redis.
"""

from __future__ import annotations

COPY = "tranship.copy"
CHECKSUM = "tranship.checksum"
STREAM = "tranship.stream"
COORDINATE = "tranship.coordinate"

QUEUES = (COPY, CHECKSUM, STREAM, COORDINATE)
