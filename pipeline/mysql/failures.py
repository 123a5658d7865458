"""The one seam where the driver's errors become ours: by what the caller must do, not by number."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
from sqlalchemy.exc import DBAPIError

from pipeline.errors import (
    FatalError,
    RefusedError,
    RetryableError,
    TranshipError,
    UnreachableError,
)

DEADLOCK, LOCK_WAIT_TIMEOUT = 1213, 1205
NO_SUCH_TABLE = 1146
NO_SUCH_THREAD = 1094
NO_PRIVILEGE = 1227
PACKET_TOO_LARGE = 1153
DUPLICATE_KEY = 1062
LOG_TOO_SMALL = 1799  # of what is written while an index is added
# Out of range, data truncated, incorrect value, division by zero, incorrect text.
TRUNCATED = frozenset({1264, 1265, 1292, 1365, 1366, 1406, 1411, 1690})

# Errors that are about a row's values: those above, NULL, no partition for it, a CHECK, what is no
# JSON, no geometry or no vector, a wrong SRID, what an index over an expression can't hold.
_OF_VALUES = TRUNCATED | {
    1048, 1138, 1263, 1300, 1364, 1367, 1416, 1441, 1525, 1526, 1748, 3037, 3140, 3141, 3144, 3155,
    3156, 3157, 3516, 3643, 3673, 3751, 3752, 3819, 3903, 3904, 3905, 3906, 3907, 6136, 6137, 6138,
}  # fmt: skip
# What helps against errors that are about neither a row nor the connection.
_REMEDIES = {
    **dict.fromkeys([1021, 1030, 1114, 3675], "Make room on that server"),
    **dict.fromkeys([1197, 1705], "Raise max_binlog_cache_size there, or set smaller batches"),
    1206: "Raise innodb_buffer_pool_size there, or set smaller batches",
    PACKET_TOO_LARGE: "Raise max_allowed_packet there",
    **dict.fromkeys(
        [1142, 1143, NO_PRIVILEGE, 1370], "Grant what is missing (tranship doctor says what)"
    ),
    **dict.fromkeys([1203, 1226], "Raise the limits of Tranship's user there"),
}

_NOBODY_LISTENS = (2002, 2003)
# It is not there, or lets nobody in now: nothing of what was asked for was begun.
_UNREACHABLE = {*_NOBODY_LISTENS, 1040, 1053, 1077, 1079}
_PASSING = {
    *_UNREACHABLE,
    DEADLOCK, LOCK_WAIT_TIMEOUT,
    NO_SUCH_TABLE,  # a cut-over has renamed it since the task read the table's name
    1412,  # the same, while the task reads it in a snapshot
    1152, 1158, 1159, 1160, 1161, 1184, 4031,  # the server dropped the connection
    1290, 1836,  # read-only just now: a failover in progress
    1317, 1907, 3024, 3168, 3169,  # interrupted or killed
    2006, 2013, 2014, 2055,
}  # fmt: skip
_ENTRY = {1044, 1045, 1049, 1130, 1698, 2059, 2061}
_NO_TLS, _ONLY_TLS = 2026, 3159
_SERVER = "tranship_server"


def belongs_to(raw: Any, server: str) -> None:
    """Note on a connection of the driver which server it is to."""
    setattr(raw, _SERVER, server)


def came_from(raw: Any, error: BaseException) -> None:
    """Note on an error from which server it came, by the connection that it came on.

    Whoever turns it into ours may be about to read another server, inside which this one was read.
    """
    setattr(error, _SERVER, getattr(raw, _SERVER, None))


def code_of(error: BaseException) -> int:
    """The error number of the server or the driver; 0 if there is none."""
    original = error.orig if isinstance(error, DBAPIError) else error
    arguments = getattr(original, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0


def made_way(error: BaseException) -> bool:
    """Whether a transaction was rolled back, or gave up waiting, because of another one's locks."""
    cause = error.__cause__ if isinstance(error, RetryableError) else error
    return cause is not None and code_of(cause) in (DEADLOCK, LOCK_WAIT_TIMEOUT)


def translate(error: BaseException, server: str) -> TranshipError:
    """Translate `error`, which the driver raised while talking to `server`, to one of ours.

    Where the error itself knows its server, that is named.
    """
    original = error.orig if isinstance(error, DBAPIError) else error
    server = getattr(original, _SERVER, None) or server
    code = code_of(error)
    text = _text(original)
    if code in _ENTRY:
        return RefusedError(
            f"Server {server} refuses the login: {text}.", "Check user, password and host."
        )
    if refusal := _tls_refusal(original, code, server):
        return refusal
    if code in _PASSING or isinstance(original, pymysql.err.InterfaceError | OSError):
        kind = UnreachableError if code in _UNREACHABLE else RetryableError
        listens = code not in _NOBODY_LISTENS
        question = "" if listens else " Is it running, and are host and port right?"
        return kind(f"Server {server}: {text}.{question}")
    remedy = _REMEDIES.get(code, "Fix what the server complains about")
    return FatalError(
        f"Server {server}: {text} (error {code}).",
        f"{remedy}; if a migration stopped, then: tranship resume ID.",
    )


def without_server(error: TranshipError) -> str:
    """What the server said, without the name that `translate` puts before it."""
    return error.explanation.partition(": ")[2]


def is_about_values(error: BaseException) -> bool:
    """Whether a statement failed because of what a row holds."""
    return code_of(error) in _OF_VALUES


def _tls_refusal(error: BaseException | None, code: int, server: str) -> RefusedError | None:
    if code == _NO_TLS:
        return RefusedError(
            f"Server {server} offers no TLS, which its tls.mode demands.",
            "Give the server a certificate, or set tls.mode to preferred or disabled.",
        )
    if code == _ONLY_TLS:
        return RefusedError(
            f"Server {server} lets nobody in without TLS.", "Set tls.mode to required or verify."
        )
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RefusedError(
            f"Server {server} shows a certificate that does not pass: {_reason(cause)}.",
            "Check tls.ca, and whether the certificate names the host (tls.verify_hostname).",
        )
    return None


def _reason(error: ssl.SSLCertVerificationError) -> str:
    return error.verify_message.rstrip(".")


def _text(error: BaseException | None) -> str:
    arguments: tuple[object, ...] = getattr(error, "args", ())
    text = str(arguments[1]) if len(arguments) > 1 else str(error) or type(error).__name__
    return text.rstrip(".")


@contextmanager
def driver_errors(server: str) -> Iterator[None]:
    """Errors that the driver raises inside leave as ours."""
    try:
        yield
    except (pymysql.err.MySQLError, DBAPIError, OSError) as error:
        raise translate(error, server) from error
