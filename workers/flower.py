"""Runs Flower: `python -m workers.flower` with Flower's own options.

Flower ends when its threads have ended, and those that wait for the broker never do while it is
away. Nothing of Flower's has to be kept, so the process ends without them.
"""

from __future__ import annotations

import errno
import os
import sys

from workers.app import app

_IN_THE_WAY = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    try:
        app.start(["flower", *sys.argv[1:]])
    except SystemExit as ended:
        _end(int(ended.code or 0))
    except OSError as error:
        if error.errno not in _IN_THE_WAY:
            raise
        where = " ".join(one for one in sys.argv[1:] if one.startswith(("--address", "--port")))
        print(f"tranship: Flower can't listen there: {error.strerror} ({where}).", file=sys.stderr)
        _end(2)
    _end(0)


def _end(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
