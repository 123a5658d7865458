"""The user that ops/examples describes, on a server of the sandbox.

What is shown and tried here runs with the privileges that production needs, and with no others. A
server of the sandbox may be a source, a target, or both, so its user gets the rights of all three
files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

LEAST_USER = "tranship"
SIDES = ("source", "target", "alter")
_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_COMMENT = re.compile(r"^--.*$", re.M)
_MYSQLS_OWN = "XA_RECOVER_ADMIN"
# Where the files say: on MariaDB also.
_MARIADBS_OWN = "GRANT SLAVE MONITOR ON *.* TO '{user}'@'%'"


def least_privileges(
    schemas: Iterable[str],
    password: str,
    *,
    sides: Iterable[str] = SIDES,
    user: str = LEAST_USER,
    mariadb: bool = False,
) -> list[str]:
    """The statements of ops/examples that make `user`, for tables in `schemas`."""
    found: dict[str, None] = {}
    for side in sides:
        for schema in schemas:
            found |= dict.fromkeys(_statements(side, schema))
    made = [_for_user(one, user, password) for one in found]
    return list(_for_mariadb(made, user)) if mariadb else made


def _statements(side: str, schema: str) -> Iterator[str]:
    text = _COMMENT.sub("", (_EXAMPLES / f"least-privileges-{side}.sql").read_text())
    for statement in text.replace("`shop`", f"`{schema}`").split(";"):
        if statement.strip():
            yield " ".join(statement.split())


def _for_user(statement: str, user: str, password: str) -> str:
    named = statement.replace(f"'{LEAST_USER}'@", f"'{user}'@")
    return named.replace("BY RANDOM PASSWORD", f"BY '{password}'")


def _for_mariadb(statements: Iterable[str], user: str) -> Iterator[str]:
    for statement in statements:
        if f"GRANT {_MYSQLS_OWN} ON" not in statement:
            yield statement.replace(f", {_MYSQLS_OWN}", "")
    yield _MARIADBS_OWN.format(user=user)
