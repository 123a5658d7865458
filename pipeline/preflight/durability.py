"""Whether a server keeps what it has committed, if its machine crashes."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.mysql.durability import lax_settings
from pipeline.preflight.findings import CheckContext, Finding, warning

_OF_SOURCE = (
    "if its machine crashes, it may lose transactions that are on the target already, or the part"
    " of the binary log that the target lacks. So after each restart of it every row is verified"
    " again"
)
_OF_TARGET = (
    "if its machine crashes, it may forget that the tables were switched to it, and the source"
    " would get them back although the application has written here"
)


def durable(context: CheckContext) -> Iterator[Finding]:
    """Both sides have on disk what they have committed, binary log included."""
    request = context.request
    meanings = {request.target: _OF_TARGET, request.source: _OF_SOURCE}  # an alter's one: as source
    for server, meaning in meanings.items():
        with context.pools.begin(server) as connection:
            found = lax_settings(connection)
        if found:
            safe = ", ".join(f"{one.split()[0]} = 1" for one in found)
            yield warning(
                f"{' and '.join(found)} on {server}: {meaning}.",
                f"SET GLOBAL {safe}; on {server} until the migration is done.",
            )
