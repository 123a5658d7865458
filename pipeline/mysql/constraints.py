"""The names of CHECKs and foreign keys, each unique in its schema.

A name that begins as the server makes them up follows its table: when `t` becomes `u`, `t_chk_1`
becomes `u_chk_1`. If another table has that name, or it is too long, the RENAME fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import text_literal

_CHECK, _FOREIGN_KEY = "CHECK", "FOREIGN KEY"
_MADE_UP = {_CHECK: "_chk_", _FOREIGN_KEY: "_ibfk_"}
_LONGEST = 64
_DEFINED = re.compile(rf"^ +CONSTRAINT `((?:[^`]|``)+)` ({_CHECK}|{_FOREIGN_KEY})", re.M)


@dataclass(frozen=True)
class Constraint:
    """A CHECK or a foreign key: the two kinds have names of their own."""

    table: str
    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.table}"


def constraints_of_schema(connection: Connection, schema: str) -> list[Constraint]:
    """Those whose names are unique in the schema; to MariaDB a CHECK's is so in its table only."""
    kinds = [_FOREIGN_KEY] if is_mariadb(connection) else [_CHECK, _FOREIGN_KEY]
    rows = run(
        connection,
        "SELECT table_name, constraint_name, constraint_type"
        " FROM information_schema.table_constraints"
        f" WHERE constraint_schema = {text_literal(schema)}"
        f" AND constraint_type IN ({', '.join(map(text_literal, kinds))})"
        " ORDER BY 1, 2, 3",
    ).rows
    return [Constraint(*map(str, row)) for row in rows]


def constraints_of_text(create_table: str, table: str, mariadb: bool) -> list[Constraint]:
    """Those that the statement would create, as `table`, on a server of that flavour."""
    found = _DEFINED.findall(create_table)
    constraints = (Constraint(table, name.replace("``", "`"), kind) for name, kind in found)
    return [one for one in constraints if not (mariadb and one.kind == _CHECK)]


def after_rename(constraints: Iterable[Constraint], renames: Mapping[str, str]) -> list[Constraint]:
    """The constraints, once each table of `renames` has its new name."""
    return [
        _follow(one, renames[one.table]) if one.table in renames else one for one in constraints
    ]


def _follow(constraint: Constraint, table: str) -> Constraint:
    made_up = constraint.table + _MADE_UP[constraint.kind]  # the server minds the case, too
    name = constraint.name
    if name.startswith(made_up):
        name = table + name.removeprefix(constraint.table)
    return replace(constraint, table=table, name=name)


def too_long(constraints: Iterable[Constraint]) -> list[Constraint]:
    """Those whose names no server accepts."""
    return [one for one in constraints if len(one.name) > _LONGEST]


def of_one_name(constraints: Iterable[Constraint]) -> list[tuple[Constraint, Constraint]]:
    """Pairs that would have one name, in any case."""
    seen: dict[tuple[str, str], Constraint] = {}
    pairs = []
    for one in constraints:
        other = seen.setdefault((one.kind, one.name.casefold()), one)
        if other is not one:
            pairs.append((other, one))
    return pairs
