"""What the words of a change say: a name taken for another is data in the wrong column."""

from __future__ import annotations

import pytest

from pipeline.alter.ddl import read_ddl
from pipeline.errors import RefusedError


@pytest.mark.parametrize(
    ("ddl", "renamed"),
    [
        ("RENAME COLUMN a TO b", (("a", "b"),)),
        ("rename column `a``x` to `b c`", (("a`x", "b c"),)),
        ("CHANGE a b INT", (("a", "b"),)),
        ("CHANGE COLUMN a b INT COMMENT 'RENAME COLUMN x TO y'", (("a", "b"),)),
        ("CHANGE a a BIGINT", ()),
        ("CHANGE a A BIGINT", ()),
        ("RENAME COLUMN a TO b, RENAME COLUMN b TO a", (("a", "b"), ("b", "a"))),
        ("RENAME INDEX a TO b, RENAME KEY c TO d", ()),
        ("ADD COLUMN c INT DEFAULT (RENAME(1, 2)), MODIFY d ENUM('CHANGE x y', ',')", ()),
        ("ADD COLUMN c INT /* , RENAME COLUMN a TO b */", ()),
        ("ADD (x INT, y INT), CHANGE a b INT FIRST", (("a", "b"),)),
    ],
)
def test_a_renamed_column_is_seen(ddl: str, renamed: tuple[tuple[str, str], ...]) -> None:
    assert read_ddl(ddl).renamed == renamed


def test_columns_that_are_dropped_and_added_are_seen_and_keys_are_not() -> None:
    found = read_ddl(
        "DROP a, DROP COLUMN b, DROP INDEX i, DROP PRIMARY KEY, DROP CONSTRAINT k,"
        " ADD c INT, ADD COLUMN `d` INT, ADD INDEX j (c), ADD UNIQUE (d), ADD CHECK (c > 1)"
    )
    assert found.dropped == ("a", "b")
    assert found.added == ("c", "d")


@pytest.mark.parametrize(
    "ddl",
    [
        "ADD (c INT, `d` DECIMAL(9, 2) DEFAULT (1), INDEX j (c, e), CHECK (c > 1))",
        "ADD COLUMN (c INT, d INT, PRIMARY KEY (c)), ADD INDEX i (e)",
        "ADD -- (x INT,\n ( # y INT\n c INT /* , z INT */, d INT COMMENT ', e INT')",
    ],
)
def test_a_column_that_is_added_in_parentheses_is_seen(ddl: str) -> None:
    """Else `DROP v, ADD (v INT)` would put the old column's values into the new one."""
    assert read_ddl(ddl).added == ("c", "d")


@pytest.mark.parametrize(
    "ddl",
    [
        "RENAME TO t2", "RENAME AS t2", "RENAME t2", "ADD c INT, RENAME `t2`",
        "EXCHANGE PARTITION p WITH TABLE x", "discard partition p tablespace",
        "IMPORT TABLESPACE", "ADD c INT; DROP TABLE t", "ALTER TABLE t ADD c INT", "", " , ",
        "CHANGE a /*!99999 a */ b INT", "ADD c INT /*M! , DROP d */", "ADD c INT /*!",
    ],
)  # fmt: skip
def test_a_clause_that_would_reach_beyond_the_shadow_is_refused(ddl: str) -> None:
    with pytest.raises(RefusedError):
        read_ddl(ddl)


@pytest.mark.parametrize(
    "ddl",
    [
        "ADD COLUMN exchange INT", "ADD `discard` INT, DROP import", "COMMENT = 'a; b'",
        "ALTER COLUMN a SET DEFAULT 5", "ALTER INDEX i INVISIBLE", "COMMENT '/*! */'",
        "ADD c INT -- /*! x */\n, ADD d INT # ; /*!", "ADD c INT /* ; RENAME TO x */",
    ],
)  # fmt: skip
def test_a_name_that_looks_like_a_clause_is_none(ddl: str) -> None:
    read_ddl(ddl)


@pytest.mark.parametrize(
    ("ddl", "sets"),
    [
        ("AUTO_INCREMENT = 5", True),
        ("ENGINE=InnoDB auto_increment 7, ADD COLUMN c INT", True),
        ("ADD COLUMN id INT AUTO_INCREMENT PRIMARY KEY", False),
        ("COMMENT 'AUTO_INCREMENT = 5'", False),
        ("FORCE", False),
    ],
)
def test_a_counter_that_is_asked_for_is_told_from_a_columns_attribute(ddl: str, sets: bool) -> None:
    assert read_ddl(ddl).sets_counter is sets
