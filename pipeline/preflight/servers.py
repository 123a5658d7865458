"""Checks of the two servers themselves: what they are, and how they relate to each other."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from pipeline.mysql.flavours import replica_sources, variable
from pipeline.mysql.servers import server_facts, tls_cipher
from pipeline.preflight.findings import CheckContext, Finding, info, refused, warning

_OLDEST = (8, 0, 22)  # SHOW REPLICA STATUS
_OLDEST_MARIADB = (10, 11, 0)
_SMALL_PACKET = 16 * 1024 * 1024


def versions(context: CheckContext) -> Iterator[Finding]:
    """Both sides are MySQL 8.0.22 or MariaDB 10.11, or later."""
    for name, connection in _both(context):
        facts = server_facts(connection)
        kind = "MariaDB" if facts.is_mariadb else "MySQL"
        oldest = _OLDEST_MARIADB if facts.is_mariadb else _OLDEST
        if facts.version < oldest:
            yield refused(
                f"Server {name} is {kind} {facts.version_text};"
                f" {'.'.join(map(str, oldest))} is the oldest supported.",
                "Upgrade it first.",
            )
        else:
            yield info(f"{name} is {kind} {facts.version_text}.")


def encryption(context: CheckContext) -> Iterator[Finding]:
    """What `tls.mode` came to, which depends on the server: a person should not have to guess."""
    for name, connection in _both(context):
        server = context.pools.settings.servers[name]
        if server.socket is not None:
            yield info(f"{name} is reached by its Unix socket {server.socket}, without TLS.")
        else:
            cipher = tls_cipher(connection)
            used = f"encrypted by {cipher}" if cipher else "no TLS"
            yield info(f"{name} is reached with tls.mode {server.tls.mode}: {used}.")


def two_servers(context: CheckContext) -> Iterator[Finding]:
    """Source and target are two servers, whatever the configuration calls them."""
    request = context.request
    with context.source() as source, context.target() as target:
        one, other = server_facts(source).identity, server_facts(target).identity
    if one and one == other:
        yield refused(
            f"{request.source} and {request.target} are the same server.",
            "Name another server as the target. If these are two MariaDBs: give each a server_id of"
            " its own.",
        )


def replication(context: CheckContext) -> Iterator[Finding]:
    """Neither replicates from the other, and the source is where the application writes."""
    request = context.request
    with context.source() as source, context.target() as target:
        ids = {
            request.source: server_facts(source).replication_id,
            request.target: server_facts(target).replication_id,
        }
        followed = {
            request.source: replica_sources(source),
            request.target: replica_sources(target),
        }
        read_only_source = variable(source, "read_only") == "ON"
        relays = variable(source, "log_replica_updates") or variable(source, "log_slave_updates")
    for one, other in ((request.source, request.target), (request.target, request.source)):
        if ids[other] in followed[one]:
            yield refused(
                f"{one} is a replica of {other}: what is written to one arrives on the other,"
                " including the cut-over's rename.",
                "Move to a server that does not replicate with the source, or just promote it.",
            )
    if not followed[request.source]:
        return
    if read_only_source:
        yield refused(
            f"{request.source} is a read-only replica: the tables must be renamed where the"
            " application writes.",
            "Name the primary as the source.",
        )
    elif relays != "ON":
        yield refused(
            f"{request.source} is a replica that does not log what it replicates"
            " (log_replica_updates is OFF): those changes would be lost.",
            "Set log_replica_updates = ON there, or name the primary as the source.",
        )
    else:
        yield warning(
            f"{request.source} replicates from another server.",
            f"Make sure that the application writes to {request.source}, and not to the other.",
        )


def read_only(context: CheckContext) -> Iterator[Finding]:
    """Both sides can be written to: rows on the target, the rename on the source."""
    for name, connection in _both(context):
        if "ON" in (variable(connection, "read_only"), variable(connection, "super_read_only")):
            yield refused(
                f"{name} is read-only.",
                "SET GLOBAL super_read_only = OFF, read_only = OFF; or name the primary.",
            )


def lower_case_names(context: CheckContext) -> Iterator[Finding]:
    """Two tables whose names differ only by case stay two tables on the other side."""
    shown = _differing(context, "lower_case_table_names")
    if shown:
        yield refused(
            f"lower_case_table_names is {shown}: the same names would mean different tables.",
            "Use a target that was initialised with the source's value.",
        )


def auto_increment(context: CheckContext) -> Iterator[Finding]:
    """The target will not give out ids that another server gives out, too."""
    for name in ("auto_increment_increment", "auto_increment_offset"):
        shown = _differing(context, name)
        if shown:
            yield warning(
                f"{name} is {shown}: after the cut-over ids will be given out in other steps.",
                "If other servers write to these tables too, use the source's value on the target.",
            )


def packets(context: CheckContext) -> Iterator[Finding]:
    """A chunk, which is read as one cell, and every row fit max_allowed_packet."""
    with context.source() as source, context.target() as target:
        there = int(variable(source, "max_allowed_packet"))
        here = int(variable(target, "max_allowed_packet"))
    if here < there:
        yield warning(
            f"max_allowed_packet is {here:,} on {context.request.target}, less than the source's"
            f" {there:,}: a row that large could not be written.",
            f"SET GLOBAL max_allowed_packet = {there}; on the target.",
        )
    if there < _SMALL_PACKET:
        yield warning(
            f"max_allowed_packet is {there:,} on {context.request.source}: chunks that do not"
            " fit are read row by row, which is slower.",
            f"SET GLOBAL max_allowed_packet = {_SMALL_PACKET}; on the source.",
        )


def local_infile(context: CheckContext) -> Iterator[Finding]:
    """The target accepts LOAD DATA LOCAL, the fast way to write rows."""
    with context.target() as target:
        allowed = variable(target, "local_infile") == "ON"
    if not allowed:
        yield warning(
            f"local_infile is OFF on {context.request.target}: rows are copied by INSERT, at"
            " about half the speed.",
            "SET GLOBAL local_infile = ON; until the move is done.",
        )


def _differing(context: CheckContext, name: str) -> str:
    """The values of a variable, where they are not the same on both sides; else empty."""
    values = {server: variable(link, name) for server, link in _both(context)}
    differ = len(set(values.values())) > 1
    return ", ".join(f"{value} on {server}" for server, value in values.items()) if differ else ""


def _both(context: CheckContext) -> Iterator[tuple[str, Connection]]:
    with context.source() as source:
        yield context.request.source, source
    if context.request.target != context.request.source:
        with context.target() as target:
            yield context.request.target, target
