"""Checks of the source's binary log: it holds every change, in full, and for long enough."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from pipeline.mysql.connect import PROGRAM
from pipeline.mysql.flavours import is_mariadb, log_retention_s, variable
from pipeline.mysql.pools import run
from pipeline.mysql.servers import binlog_filters, unsearchable
from pipeline.mysql.xa import prepared_xa, wait_for_xa
from pipeline.preflight.findings import CheckContext, Finding, refused, warning
from pipeline.preflight.grants import session_grants

_WANTED = {
    "log_bin": ("ON", "Start the server with log-bin."),
    "binlog_format": ("ROW", "SET GLOBAL binlog_format = ROW; new sessions use it."),
    "binlog_row_image": ("FULL", "SET GLOBAL binlog_row_image = FULL; new sessions use it."),
    "binlog_row_value_options": (
        "",
        "SET GLOBAL binlog_row_value_options = ''; partial JSON updates can't be applied.",
    ),
    "log_bin_compress": ("OFF", "SET GLOBAL log_bin_compress = OFF; new sessions use it."),
    "binlog_error_action": (
        "ABORT_SERVER",
        "SET GLOBAL binlog_error_action = ABORT_SERVER; else a server that can't write its log"
        " goes on without one.",
    ),
}
# What it amounts to where a server does not know the variable.
_UNKNOWN = {"log_bin_compress": "OFF", "binlog_error_action": "ABORT_SERVER"}
# A session keeps what was in force when it began, and may log nothing at all.
_OF_A_SESSION = {
    **{
        name: _WANTED[name][0]
        for name in ("binlog_format", "binlog_row_image", "binlog_row_value_options")
    },
    "sql_log_bin": "ON",
}
_SHOWN = 5
_DAY_S = 86_400
_XA_LIMIT_S = 1.0


def written(context: CheckContext) -> Iterator[Finding]:
    """New sessions log full row images."""
    with context.source() as source:
        for name, (wanted, remedy) in _WANTED.items():
            found = variable(source, name) or _UNKNOWN.get(name, "")
            if found != wanted:
                yield refused(
                    f"{name} is {found or 'empty'} on {context.request.source}, where"
                    f" {wanted or 'nothing'} is needed.",
                    remedy,
                )


def sessions(context: CheckContext) -> Iterator[Finding]:
    """No session that is open now logs otherwise; the stream stops at what one has logged."""
    server = context.request.source
    with context.source() as source:
        if is_mariadb(source):
            return  # which doesn't show it
        if variable(source, "performance_schema") != "ON":
            yield warning(
                f"performance_schema is OFF on {server}: open sessions may log otherwise than new"
                " ones, and the copy does not give way to others.",
                "Start the server with performance_schema = ON.",
            )
            return
        if not session_grants(source).has("SELECT", "performance_schema"):
            yield warning(
                f"Our user sees no sessions of others on {server}: they may log otherwise than new"
                " ones, and the copy does not give way to them.",
                "GRANT SELECT ON performance_schema.* to Tranship's user there.",
            )
            return
        found = _logging_otherwise(source)
    if found:
        shown = ", ".join(f"{number} of {user} ({what})" for number, user, what in found[:_SHOWN])
        yield refused(
            f"{len(found)} sessions of {server} would not log full rows: {shown}.",
            "Have them connect again, or: " + " ".join(f"KILL {one[0]};" for one in found[:_SHOWN]),
        )


def _logging_otherwise(source: Connection) -> list[tuple[int, str, str]]:
    """Number and user of each such session, and its setting.

    Ours are left out: the pools renew them.
    """
    otherwise = " OR ".join(
        f"(variable_name = '{name}' AND variable_value <> '{wanted}')"
        for name, wanted in _OF_A_SESSION.items()
    )
    rows = run(
        source,
        "SELECT processlist_id, COALESCE(processlist_user, ''), variable_name, variable_value"
        " FROM performance_schema.variables_by_thread JOIN performance_schema.threads"
        f" USING (thread_id) WHERE processlist_id IS NOT NULL AND ({otherwise}) AND NOT EXISTS"
        " (SELECT 1 FROM performance_schema.session_connect_attrs AS attrs WHERE"
        " attrs.processlist_id = threads.processlist_id AND attr_name = 'program_name'"
        f" AND attr_value = '{PROGRAM}') ORDER BY 1",
    ).rows
    return [(int(number), str(user), f"{name} = {value}") for number, user, name, value in rows]


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


def of_target(context: CheckContext) -> Iterator[Finding]:
    """The target's own log can be searched for what others write to its tables, and holds rows."""
    server = context.request.target
    with context.target() as target:
        logged_as = variable(target, "binlog_format") if variable(target, "log_bin") == "ON" else ""
        reason = unsearchable(target)
        if reason is None and not session_grants(target).has("REPLICATION SLAVE"):
            reason = "our user lacks REPLICATION SLAVE there"
    if logged_as not in ("", "ROW"):
        yield refused(
            f"binlog_format is {logged_as} on {server}: its replicas might get statements on our"
            " temporary tables, which they can't repeat.",
            _WANTED["binlog_format"][1],
        )
    if reason is not None:
        yield warning(
            f"What others write to the target tables on {server} may go unseen: {reason}.",
            "Keep everybody else from writing there until the switch.",
        )


def prepared(context: CheckContext) -> Iterator[Finding]:
    """No XA transaction stays prepared: the stream would miss its rows."""
    with context.source() as source:
        for name in wait_for_xa(source, prepared_xa(source), _XA_LIMIT_S):
            yield refused(
                f"XA transaction {name} is prepared on {context.request.source} and does not end;"
                " its rows would be missed.",
                f"XA COMMIT {name}; or XA ROLLBACK {name};",
            )


def retention(context: CheckContext) -> Iterator[Finding]:
    """The log is kept long enough for a streamer that is down for a night to go on."""
    with context.source() as source:
        seconds = log_retention_s(source)
    if seconds is not None and seconds < _DAY_S:
        yield warning(
            f"{context.request.source} keeps its binary logs for only {seconds:,} s: a stream"
            " that is down for longer can't go on.",
            f"SET GLOBAL binlog_expire_logs_seconds = {3 * _DAY_S};",
        )
