"""The demonstration's two tables, and how they are filled."""

from __future__ import annotations

from typing import Any

import pymysql

SCHEMA = "demo"
ORDERS, CUSTOMERS = "orders", "customers"
CUSTOMER_ROWS = 1000
_BATCH = 100_000

_DDL = (
    f"CREATE TABLE {SCHEMA}.{CUSTOMERS} (id INT UNSIGNED NOT NULL PRIMARY KEY,"
    " email VARCHAR(80) NOT NULL, name VARCHAR(60) CHARACTER SET latin1, version INT NOT NULL,"
    " UNIQUE KEY (email))",
    f"CREATE TABLE {SCHEMA}.{ORDERS} (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
    " customer INT UNSIGNED NOT NULL, amount DECIMAL(12,2) NOT NULL, ratio DOUBLE, note TEXT,"
    " detail JSON, made DATETIME(6) NOT NULL, seen TIMESTAMP NULL, version INT NOT NULL,"
    " KEY (customer, made))",
)

# One row as one text, which the server makes, so that Python reads one cell for each row.
ROW_TEXT = {
    CUSTOMERS: "CONCAT_WS('|', id, QUOTE(email), QUOTE(HEX(name)), version)",
    ORDERS: "CONCAT_WS('|', id, customer, amount, QUOTE(ratio), QUOTE(HEX(note)),"
    " QUOTE(detail), made, QUOTE(seen), version)",
}


def create(connection: pymysql.Connection[Any], rows: int, charset: str = "utf8mb4") -> None:
    """Both tables, `rows` orders and a thousand customers."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {SCHEMA} CHARACTER SET {charset}")
        cursor.execute(f"SET SESSION cte_max_recursion_depth = {_BATCH}")
        for ddl in _DDL:
            cursor.execute(ddl)
        cursor.execute(
            f"INSERT INTO {SCHEMA}.{CUSTOMERS} {_numbers(1, CUSTOMER_ROWS)}"
            " SELECT i, CONCAT('customer', i, '@example'), CONCAT('Zoë ', i), 0 FROM n"
        )
        for first in range(1, rows + 1, _BATCH):
            last = min(first + _BATCH - 1, rows)
            cursor.execute(
                f"INSERT INTO {SCHEMA}.{ORDERS} {_numbers(first, last)}"
                f" SELECT i, 1 + i % {CUSTOMER_ROWS}, i / 7, IF(i % 5, 1 / i, NULL),"
                " IF(i % 3, CONCAT('line one\\nline two\\t', i, ' ☃'), NULL),"
                " JSON_OBJECT('number', i, 'half', i * 0.5e0, 'tags', JSON_ARRAY('a', NULL)),"
                " '2026-01-01' + INTERVAL i SECOND,"
                " IF(i % 4, '2026-03-29 01:30:00' + INTERVAL i SECOND, NULL), 0 FROM n"
            )
            connection.commit()


def _numbers(first: int, last: int) -> str:
    return (
        f"WITH RECURSIVE n AS (SELECT {first} AS i UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
    )
