"""Tables to measure with, filled by the server itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pymysql

SCHEMA = "bench"


@dataclass(frozen=True)
class TableKind:
    """A table's definition, and the expressions that fill it; `i` is the number of the row."""

    name: str
    columns: str
    values: str
    batch: int = 50_000  # rows in one transaction

    @property
    def full_name(self) -> str:
        return f"{SCHEMA}.{self.name}"


# Seven columns and one index, about 230 bytes a row.
ORDERS = TableKind(
    "orders",
    "id BIGINT PRIMARY KEY, customer INT NOT NULL, amount DECIMAL(12,2) NOT NULL,"
    " note VARCHAR(120), detail JSON, made DATETIME(6) NOT NULL, version INT NOT NULL,"
    " KEY customer (customer)",
    "i, i * 7919 % 100000, i / 7, IF(i % 10, CONCAT('note ', i, REPEAT(' lorem', 12)), NULL),"
    " JSON_OBJECT('n', i, 'tags', JSON_ARRAY('a', 'b')), '2026-01-01' + INTERVAL i SECOND, 0",
)
_SHORT = [f"c{n}" for n in range(1, 50)]
COLUMNS_50 = TableKind(
    "columns_50",
    "id BIGINT PRIMARY KEY, " + ", ".join(f"{c} VARCHAR(20) NOT NULL" for c in _SHORT),
    "i, " + ", ".join(f"CONCAT('{c} ', i)" for c in _SHORT),
    batch=10_000,
)
TEXT_8K = TableKind(
    "text_8k",
    "id BIGINT PRIMARY KEY, body TEXT NOT NULL",
    "i, REPEAT(SHA2(i, 256), 128)",
    batch=5_000,
)
BLOB_1M = TableKind(
    "blob_1m",
    "id BIGINT PRIMARY KEY, body LONGBLOB NOT NULL",
    "i, REPEAT(UNHEX(SHA2(i, 256)), 32768)",
    batch=50,
)
_NUMBERS = [f"k{n}" for n in range(1, 7)]
INDEXES_6 = TableKind(
    "indexes_6",
    "id BIGINT PRIMARY KEY, "
    + ", ".join(f"{k} INT NOT NULL" for k in _NUMBERS)
    + ", "
    + ", ".join(f"KEY {k} ({k})" for k in _NUMBERS),
    "i, " + ", ".join(f"i * {7919 + n} % 1000003" for n in range(1, 7)),
)


def sysbench_table(number: int) -> TableKind:
    """What `sysbench oltp_* prepare` makes."""
    return TableKind(
        f"sbtest{number}",
        "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL DEFAULT 0,"
        " c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', KEY k_1 (k)",
        "i, i * 7919 % 1000003, LEFT(CONCAT(SHA2(i, 256), '-', SHA2(i + 1, 224)), 119),"
        " CONCAT(SHA2(i + 2, 224), '-')",
    )


def create(connection: pymysql.Connection[Any], kind: TableKind, rows: int) -> None:
    """Create the table with `rows` rows, numbered from 1; the rows are not logged."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {kind.full_name} ({kind.columns})")
        cursor.execute("SET SESSION sql_log_bin = OFF")
        cursor.execute(f"SET SESSION cte_max_recursion_depth = {kind.batch}")
        for first in range(1, rows + 1, kind.batch):
            last = min(first + kind.batch - 1, rows)
            cursor.execute(
                f"INSERT INTO {kind.full_name} WITH RECURSIVE n AS (SELECT {first} AS i UNION ALL"
                f" SELECT i + 1 FROM n WHERE i < {last}) SELECT {kind.values} FROM n"
            )
            connection.commit()
        cursor.execute(f"ANALYZE TABLE {kind.full_name}")
