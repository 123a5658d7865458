"""Names of constraints: a clash, or one too long, is seen before a server refuses it."""

from __future__ import annotations

from pipeline.mysql.constraints import (
    Constraint,
    after_rename,
    constraints_of_text,
    of_one_name,
    too_long,
)

TEXT = """CREATE TABLE `t` (
  `id` int NOT NULL COMMENT 'CONSTRAINT `no` CHECK',
  CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `p` (`id`),
  CONSTRAINT `a``b` CHECK ((`id` > 0))
) ENGINE=InnoDB"""
F, AB = Constraint("s.t", "f", "FOREIGN KEY"), Constraint("s.t", "a`b", "CHECK")


def test_every_constraint_that_a_statement_names_is_checked() -> None:
    assert constraints_of_text(TEXT, "s.t", mariadb=False) == [F, AB]


def test_mariadb_which_lets_two_tables_name_a_check_alike_is_not_refused_for_it() -> None:
    assert constraints_of_text(TEXT, "s.t", mariadb=True) == [F]


def test_the_shadows_check_may_take_the_name_that_the_old_tables_gives_up() -> None:
    both = [Constraint("t", "t_chk_1", "CHECK"), Constraint("new", "new_chk_1", "CHECK")]
    swapped = after_rename(both, {"t": "old", "new": "t"})
    assert [one.name for one in swapped] == ["old_chk_1", "t_chk_1"]
    assert of_one_name(swapped) == []


def test_a_check_and_a_foreign_key_of_one_name_are_no_clash() -> None:
    clash = Constraint("u", "F", "FOREIGN KEY")
    assert of_one_name([F, Constraint("u", "f", "CHECK"), clash]) == [(F, clash)]


def test_a_name_that_no_server_accepts_is_seen() -> None:
    names = [Constraint("t", "t_ibfk_" + "x" * length, "FOREIGN KEY") for length in (53, 54)]
    assert too_long(after_rename(names, {"t": "_t_"})) == []
    assert len(too_long(after_rename(names, {"t": "_tttt"}))) == 1
