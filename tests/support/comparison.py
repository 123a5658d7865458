"""Whether two tables are the same, by four witnesses that are not ours.

Every column of every row as the bytes that the server holds, `CHECKSUM TABLE`, what
`SHOW CREATE TABLE` says, and a dump by the servers' own client.
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pymysql

from tests.support.random_tables import quoted

_REAL = {"float": "<f", "double": "<d"}


def definition(connection: pymysql.Connection[Any], schema: str, name: str) -> str:
    """SHOW CREATE TABLE without the next AUTO_INCREMENT, which a writer moves."""
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW CREATE TABLE {quoted(schema)}.{quoted(name)}")
        text = cursor.fetchone()[1]
    return re.sub(r" AUTO_INCREMENT=\d+", "", text)


def rows(connection: pymysql.Connection[Any], schema: str, name: str) -> Counter[Any]:
    """Each row as the hexadecimal bytes of its columns; numbers as text, reals as their bits."""
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00'")
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
            (schema, name),
        )
        described = [(column, _decoded(kind)) for column, kind in cursor.fetchall()]
        columns = [_bytes_of(column, kind) for column, kind in described]
        cursor.execute(f"SELECT {', '.join(columns)} FROM {quoted(schema)}.{quoted(name)}")
        forms = [_REAL.get(kind) for _, kind in described]
        return Counter(
            tuple(
                struct.pack(form, float(value)) if form and value is not None else value
                for form, value in zip(forms, row, strict=True)
            )
            for row in cursor.fetchall()
        )


def _decoded(kind: str | bytes) -> str:
    return kind.decode() if isinstance(kind, bytes) else kind


def _bytes_of(name: str, kind: str) -> str:
    column = quoted(name)
    if kind == "float":
        return f"CONCAT(CAST({column} AS DOUBLE))"
    if kind == "double":  # which CAST AS DOUBLE would round on MySQL
        return f"CONCAT({column})"
    if kind in ("enum", "set"):
        return f"CONCAT(CAST({column} AS UNSIGNED), ':', HEX({column}))"
    if kind == "json":
        return f"HEX(CAST({column} AS CHAR))"
    if kind == "bit":
        return f"{column} + 0"
    if kind in ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year"):
        return f"CAST({column} AS CHAR)"
    return f"HEX({column})"


def checksum(connection: pymysql.Connection[Any], schema: str, name: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"CHECKSUM TABLE {quoted(schema)}.{quoted(name)}")
        return cursor.fetchone()[1]


def first_difference(ours: Counter[Any], theirs: Counter[Any], columns: Sequence[str]) -> str:
    """Of two multisets of rows, for a person to read; empty where they are equal."""
    if ours == theirs:
        return ""
    missing, extra = list((ours - theirs).elements()), list((theirs - ours).elements())
    if missing and extra:
        pair = min(
            ((a, b) for a in missing[:50] for b in extra[:50]),
            key=lambda ab: sum(x != y for x, y in zip(*ab, strict=True)),
        )
        differing = [
            f"{name}: {a!r:.300} / {b!r:.300}"
            for name, a, b in zip(columns, *pair, strict=True)
            if a != b
        ]
        return f"{len(missing)} missing, {len(extra)} extra; {'; '.join(differing)}"
    return f"{len(missing)} missing, {len(extra)} extra: {(missing or extra)[0]!r:.600}"


def dump(command: Sequence[str], environment: Mapping[str, str], schema: str, name: str) -> str:
    """The table's rows as the servers' client writes them, one statement a row."""
    done = subprocess.run(
        [*command, "--skip-comments", "--skip-extended-insert", "--hex-blob", "--no-create-info",
         "--skip-triggers", "--order-by-primary", "--skip-tz-utc", "--", schema, name],
        capture_output=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    lines = done.stdout.decode("latin-1").splitlines()
    inserts = sorted(line[line.index(" VALUES ") :] for line in lines if line.startswith("INSERT"))
    return "\n".join(inserts)
