"""What is read from SHOW CREATE TABLE: a comment must not pass for an option."""

from __future__ import annotations

import pytest

from pipeline.mysql.servers import auto_increment, table_option

BODY = "CREATE TABLE `t` (\n  `a` int COMMENT ') AUTO_INCREMENT=3',\n  PRIMARY KEY (`a`)\n) "


@pytest.mark.parametrize(
    ("options", "counter"),
    [
        ("ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=latin1", 7),
        ("ENGINE=InnoDB DEFAULT CHARSET=latin1 COMMENT='it''s AUTO_INCREMENT=5, or \\'6\\''", None),
        ("ENGINE=InnoDB AUTO_INCREMENT=7 COMMENT='AUTO_INCREMENT=5'", 7),
    ],
)
def test_a_counter_that_a_comment_speaks_of_is_not_the_tables(
    options: str, counter: int | None
) -> None:
    assert auto_increment(BODY + options) == counter


def test_a_collation_that_a_comment_speaks_of_is_not_looked_for_on_the_target() -> None:
    assert table_option(f"{BODY}DEFAULT CHARSET=latin1 COMMENT='COLLATE=x'", "COLLATE") is None
    assert table_option(f"{BODY}CHARSET=latin1 COLLATE=latin1_bin", "COLLATE") == "latin1_bin"
