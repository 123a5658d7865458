"""An index that is left out although it is needed, or comes back as another one."""

from __future__ import annotations

import pytest

from pipeline.mysql.indexes import (
    DeferredIndex,
    IndexPart,
    SecondaryIndex,
    add_indexes_statement,
    is_deferrable,
    without_indexes,
)
from pipeline.mysql.table import TableName

CREATE = (
    "CREATE TABLE `t` (\n  `id` int NOT NULL,\n  `a` int DEFAULT NULL,\n  PRIMARY KEY (`id`),\n"
    "  UNIQUE KEY `u` (`a`),\n  KEY `k` (`a`,`id` DESC) COMMENT 'x, y',\n  KEY `l` (`id`)\n"
    ") ENGINE=InnoDB"
)
K = DeferredIndex("k", "KEY `k` (`a`,`id` DESC) COMMENT 'x, y'")
L = DeferredIndex("l", "KEY `l` (`id`)")


def part(column: str, *, virtual: bool = False) -> IndexPart:
    return IndexPart(column, None, False, virtual)


@pytest.mark.parametrize(
    ("index", "deferrable"),
    [
        (SecondaryIndex("i", "BTREE", (part("a"),)), True),
        (SecondaryIndex("i", "BTREE", (part("a"), part("n"))), True),
        (SecondaryIndex("i", "BTREE", (part("n"), part("a"))), False),
        (SecondaryIndex("i", "FULLTEXT", (part("a"),)), False),
        (SecondaryIndex("i", "SPATIAL", (part("a"),)), False),
        (SecondaryIndex("i", "BTREE", (part("a"), part(""))), False),
        (SecondaryIndex("i", "BTREE", (part("a"), part("v", virtual=True))), False),
    ],
)
def test_only_what_can_be_missed_and_added_online_waits(
    index: SecondaryIndex, deferrable: bool
) -> None:
    assert is_deferrable(index, needed=frozenset({"n"})) is deferrable


@pytest.mark.parametrize("left_out", [(K,), (L,), (K, L)])
def test_a_table_without_some_indexes_lacks_these_lines_and_nothing_else(
    left_out: tuple[DeferredIndex, ...],
) -> None:
    lines = [line.rstrip(",") for line in CREATE.split("\n")]
    wanted = [line for line in lines if line.strip() not in {one.clause for one in left_out}]
    found = without_indexes(CREATE, left_out)
    assert [line.rstrip(",") for line in found.split("\n")] == wanted
    assert ",\n)" not in found
    assert found.count(",\n") == len(wanted) - 3


def test_a_table_that_keeps_all_its_indexes_stays_as_it_is() -> None:
    assert without_indexes(CREATE, ()) == CREATE


def test_all_indexes_are_added_by_one_statement_that_lets_others_write() -> None:
    assert add_indexes_statement(TableName("s", "t"), (K, L)) == (
        f"ALTER TABLE `s`.`t` ADD {K.clause}, ADD {L.clause}, ALGORITHM = INPLACE, LOCK = NONE"
    )
