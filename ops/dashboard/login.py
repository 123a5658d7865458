"""The login of pages in a browser: `user:password` from the environment, several by commas.

Not from the command line, which is there for every user of the machine to see.
"""

from __future__ import annotations

import base64
import hmac
import os

from pipeline.errors import RefusedError


def logins(variable: str, page: str) -> list[str]:
    """Those in the environment variable.

    Raises:
        RefusedError: there is none, and the page would let anybody in.
    """
    found = os.environ.get(variable, "").split(",")
    if not all(":" in one.strip(":") for one in found):
        raise RefusedError(
            f"{page} has no login, or one that is not user:password, in ${variable}.",
            "Set it in the environment of this command alone; several are divided by commas.",
        )
    return found


def is_let_in(allowed: list[str], header: str) -> bool:
    """Whether the header `Authorization` of a request has one of the logins."""
    scheme, _, encoded = header.partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True)
    except ValueError:  # binascii.Error is one; text beyond ASCII is another
        return False
    # All are compared, each in constant time: how long it takes tells nothing.
    same = [hmac.compare_digest(given, one.encode()) for one in allowed]
    return scheme.lower() == "basic" and any(same)
