"""Reads what SHOW GRANTS prints: which privileges a session has on what.

Roles count if they are active in our sessions. Schema names in grants are patterns (`%`, `_`,
escaped with a backslash); with partial revokes, REVOKE lines take privileges away again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.errors import known
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import run

_LINE = re.compile(
    r"(?P<verb>GRANT|REVOKE) (?P<what>.+?) ON (?:TABLE )?(?P<where>\*\.\*|(?:`(?:[^`]|``)*`|\*)\."
    r"(?:`(?:[^`]|``)*`|\*)) (?:TO|FROM) "
)
_PARTS = re.compile(r"(`(?:[^`]|``)*`|\*)\.(`(?:[^`]|``)*`|\*)")
# MariaDB's newer names for privileges that both know.
_ALSO = {"BINLOG MONITOR": "REPLICATION CLIENT", "REPLICATION REPLICA": "REPLICATION SLAVE"}
_EVERYTHING = "ALL PRIVILEGES"


@dataclass(frozen=True)
class Grant:
    """Privileges on the schemas of a pattern, and on one of their tables or on all (None)."""

    privileges: frozenset[str]
    schema: str  # a LIKE pattern; "%" for all
    table: str | None

    def covers(self, privilege: str, schema: str | None, table: str | None) -> bool:
        """Whether this grant gives `privilege` there. `schema` None: on the whole server."""
        if privilege not in self.privileges and _EVERYTHING not in self.privileges:
            return False
        if schema is None:
            return self.schema == "%" and self.table is None
        if self.table is not None and self.table != table:
            return False
        return _like(self.schema, schema) or self.schema == schema


@dataclass(frozen=True)
class Grants:
    """All privileges of a session."""

    given: tuple[Grant, ...]
    revoked: tuple[Grant, ...]

    def has(self, privilege: str, schema: str | None = None, table: str | None = None) -> bool:
        if any(grant.covers(privilege, None, None) for grant in self.given):
            exact = [grant for grant in self.revoked if grant.schema == schema]
            return not any(grant.covers(privilege, schema, table) for grant in exact)
        if schema is None:
            return False
        return any(grant.covers(privilege, schema, table) for grant in self.given)


def session_grants(connection: Connection) -> Grants:
    """The privileges of this session, active roles included."""
    roles = str(run(connection, "SELECT CURRENT_ROLE()").rows[0][0] or "NONE")
    # MariaDB shows the privileges of the active role without being asked.
    using = "" if roles == "NONE" or is_mariadb(connection) else f" USING {roles}"
    rows = run(connection, f"SHOW GRANTS FOR CURRENT_USER(){using}").rows
    return parse([str(row[0]) for row in rows])


def parse(lines: list[str]) -> Grants:
    """Parse the lines of SHOW GRANTS; those about roles and proxies are ignored."""
    given: list[Grant] = []
    revoked: list[Grant] = []
    for line in lines:
        found = _LINE.match(line)
        if found is not None:
            (given if found["verb"] == "GRANT" else revoked).append(_grant(found))
    return Grants(tuple(given), tuple(revoked))


def _grant(found: re.Match[str]) -> Grant:
    # A privilege on some columns, SELECT (`a`), is not the privilege on the table.
    names = frozenset(
        _ALSO.get(name.strip().upper(), name.strip().upper())
        for name in re.split(r",(?![^(]*\))", found["what"])
    )
    place = _PARTS.fullmatch(found["where"])
    place = known(place, f"the form of a grant on {found['where']}")
    schema, table = place.groups()
    return Grant(
        names,
        "%" if schema == "*" else _unquoted(schema),
        None if table == "*" else _unquoted(table),
    )


def _unquoted(name: str) -> str:
    return name[1:-1].replace("``", "`")


def _like(pattern: str, text: str) -> bool:
    parts = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\" and at + 1 < len(pattern):
            at += 1
            parts.append(re.escape(pattern[at]))
        else:
            parts.append({"%": ".*", "_": "."}.get(pattern[at], re.escape(pattern[at])))
        at += 1
    return re.fullmatch("".join(parts), text, re.S) is not None
