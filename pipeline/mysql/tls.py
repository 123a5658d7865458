"""TLS contexts: what a session asks of a server's certificate, by `tls.mode`.

Making one costs more than all the rest of opening a connection, most of it for reading the
system's certificates. So a context is made once for each server and process, and again when one
of its files has changed.
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path

from pipeline.configuration.settings import Tls, TlsMode
from pipeline.errors import RefusedError

_KEPT = 64  # contexts; more servers than that only make some of them again
Stamp = tuple[int, int]


def tls_context(tls: Tls) -> ssl.SSLContext:
    """The context for connections by `tls`; without a `ca` the system's certificates decide.

    Raises:
        RefusedError: one of its files can't be used.
    """
    try:
        # Certificates are renewed while workers run for weeks: the next connection has to use
        # the new ones, without a restart. To look at a few files takes microseconds; a time
        # limit instead would use old ones until it is over, and read unchanged ones again.
        stamps = tuple(_stamp(path) for path in _files(tls))
        # By pid: another thread may be using the context just when its process forks.
        return _made(tls, stamps, os.getpid())
    except (OSError, ssl.SSLError) as error:
        raise RefusedError(
            f"The TLS files of the configuration can't be used: {error}.",
            "Check the paths, their mode, and that key and certificate belong together.",
        ) from None


def _files(tls: Tls) -> tuple[Path, ...]:
    """Every file that a context by `tls` is made from."""
    system = ssl.get_default_verify_paths()
    authorities = (tls.ca,) if tls.ca else (system.cafile, system.capath)
    given = (*(authorities if tls.mode is TlsMode.VERIFY else ()), tls.cert, tls.key)
    return tuple(Path(path) for path in given if path)


def _stamp(path: Path) -> Stamp:
    # The inode, too: a file that is renamed into place may bring an older time along.
    found = path.stat()
    return found.st_mtime_ns, found.st_ino


@lru_cache(maxsize=_KEPT)
def _made(tls: Tls, _stamps: tuple[Stamp, ...], _pid: int) -> ssl.SSLContext:
    context = _verifying(tls) if tls.mode is TlsMode.VERIFY else _trusting()
    if tls.cert is not None:
        context.load_cert_chain(str(tls.cert), str(tls.key) if tls.key else None)
    return context


def _verifying(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
    # The default since Python 3.13, which the certificates that MySQL makes itself do not pass.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = tls.verify_hostname
    return context


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
