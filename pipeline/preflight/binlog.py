"""Checks of the source's binary log: it holds every change, in full, and for long enough."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.mysql.flavours import is_mariadb, variable
from pipeline.mysql.servers import binlog_filters
from pipeline.preflight.findings import CheckContext, Finding, refused, warning

_WANTED = {
    "log_bin": ("ON", "Start the server with log-bin."),
    "binlog_format": ("ROW", "SET GLOBAL binlog_format = ROW; new sessions use it."),
    "binlog_row_image": ("FULL", "SET GLOBAL binlog_row_image = FULL; new sessions use it."),
    "binlog_row_value_options": (
        "",
        "SET GLOBAL binlog_row_value_options = ''; partial JSON updates can't be applied.",
    ),
    "log_bin_compress": ("OFF", "SET GLOBAL log_bin_compress = OFF; new sessions use it."),
}
_DAY_S = 86_400


def written(context: CheckContext) -> Iterator[Finding]:
    """Full row images. A session may still differ; the stream then stops at what it has logged."""
    with context.source() as source:
        for name, (wanted, remedy) in _WANTED.items():
            found = variable(source, name)
            if name == "log_bin_compress":
                found = found or "OFF"  # unknown to MySQL
            if found != wanted:
                yield refused(
                    f"{name} is {found or 'empty'} on {context.request.source}, where"
                    f" {wanted or 'nothing'} is needed.",
                    remedy,
                )


def gtids(context: CheckContext) -> Iterator[Finding]:
    """GTIDs are on: positions are GTID sets."""
    with context.source() as source:
        if is_mariadb(source):
            return  # GTIDs can't be switched off
        for name in ("gtid_mode", "enforce_gtid_consistency"):
            found = variable(source, name)
            if found != "ON":
                yield refused(
                    f"{name} is {found} on {context.request.source}, where ON is needed.",
                    "Switch GTIDs on step by step, as the server's manual says"
                    " (Enabling GTID Transactions Online).",
                )


def filters(context: CheckContext) -> Iterator[Finding]:
    """No schema to follow is filtered out of the binary log."""
    with context.source() as source:
        only, never = binlog_filters(source)
    for schema in sorted({table.schema for table in context.request.tables}):
        if (only and schema not in only) or schema in never:
            yield refused(
                f"Changes to schema {schema} are not in the binary log of"
                f" {context.request.source} (binlog-do-db or binlog-ignore-db).",
                "Remove the filter and restart the server.",
            )


def retention(context: CheckContext) -> Iterator[Finding]:
    """The log is kept long enough for a streamer that is down for a night to go on."""
    with context.source() as source:
        purges = variable(source, "binlog_expire_logs_auto_purge") != "OFF"
        seconds = int(variable(source, "binlog_expire_logs_seconds") or 0)
    if purges and 0 < seconds < _DAY_S:
        yield warning(
            f"{context.request.source} keeps its binary logs for only {seconds:,} s: a stream"
            " that is down for longer can't go on.",
            f"SET GLOBAL binlog_expire_logs_seconds = {3 * _DAY_S};",
        )
