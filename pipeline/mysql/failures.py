"""The one seam where the driver's errors become ours: by what the caller must do, not by number."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
from sqlalchemy.exc import DBAPIError

from pipeline.errors import FatalError, RefusedError, RetryableError, TranshipError

DEADLOCK, LOCK_WAIT_TIMEOUT = 1213, 1205
NO_SUCH_TABLE = 1146
NO_SUCH_THREAD = 1094
PACKET_TOO_LARGE = 1153
DUPLICATE_KEY = 1062
LOG_TOO_SMALL = 1799  # of what is written while an index is added
# Out of range, data truncated, incorrect value, division by zero, incorrect text.
TRUNCATED = frozenset({1264, 1265, 1292, 1365, 1366, 1406, 1411, 1690})

_PASSING = {
    DEADLOCK, LOCK_WAIT_TIMEOUT,
    NO_SUCH_TABLE,  # a cut-over has renamed it since the task read the table's name
    1412,  # the same, while the task reads it in a snapshot
    1040,  # too many connections
    1053, 1077, 1079,  # shutting down
    1152, 1158, 1159, 1160, 1161, 1184, 4031,  # the server dropped the connection
    1290, 1836,  # read-only just now: a failover in progress
    1317, 1907, 3024, 3168, 3169,  # interrupted or killed
    2002, 2003, 2006, 2013, 2014, 2055,
}  # fmt: skip
_ENTRY = {1044, 1045, 1049, 1130, 1698, 2059, 2061}
_NO_TLS, _ONLY_TLS = 2026, 3159


def code_of(error: BaseException) -> int:
    """The error number of the server or the driver; 0 if there is none."""
    original = error.orig if isinstance(error, DBAPIError) else error
    arguments = getattr(original, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0


def translate(error: BaseException, server: str) -> TranshipError:
    """Translate `error`, which the driver raised while talking to `server`, to one of ours."""
    original = error.orig if isinstance(error, DBAPIError) else error
    code = code_of(error)
    text = _text(original)
    if code in _ENTRY:
        return RefusedError(
            f"Server {server} refuses the login: {text}.", "Check user, password and host."
        )
    if refusal := _tls_refusal(original, code, server):
        return refusal
    if code in _PASSING or isinstance(original, pymysql.err.InterfaceError | OSError):
        return RetryableError(f"Server {server}: {text}.")
    return FatalError(
        f"Server {server}: {text} (error {code}).",
        "Fix what the server complains about; if a migration stopped, then: tranship resume ID.",
    )


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
