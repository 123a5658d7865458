"""What a row was before its batch, where its key does not tell."""

from __future__ import annotations

from pipeline.stream.lineage import Lineage


def test_rows_that_exchange_their_keys_are_each_known_by_their_old_one() -> None:
    lineage = Lineage()
    for old, new in ((b"1", b"9"), (b"2", b"1"), (b"9", b"2")):
        lineage.moved(old, new)
    assert sorted(lineage.changed) == [(b"1", b"2"), (b"2", b"1")]
    assert lineage.newborn == [b"9"]


def test_a_row_that_gets_its_key_back_is_the_same_row() -> None:
    lineage = Lineage()
    lineage.moved(b"a", b"A")
    lineage.moved(b"A", b"a")
    assert lineage.changed == [(b"a", b"a")], "deleting `A` removes it, where the two are equal"
    assert lineage.newborn == [b"A"]


def test_a_row_that_is_deleted_after_it_was_moved_leaves_nothing() -> None:
    lineage = Lineage()
    lineage.moved(b"1", b"2")
    lineage.forget([b"2"])
    assert lineage.changed == []
    assert sorted(lineage.newborn) == [b"1", b"2"]


def test_a_new_row_that_takes_the_key_of_a_deleted_one_and_moves_on_is_new() -> None:
    lineage = Lineage()
    lineage.forget([b"1"])
    lineage.moved(b"1", b"2")
    assert lineage.changed == []
    assert sorted(lineage.newborn) == [b"1", b"2"]


def test_a_new_row_whose_key_is_equal_by_collation_to_that_of_a_deleted_one_is_new() -> None:
    lineage = Lineage()
    lineage.forget([b"b"])
    lineage.forget([b"B"])
    lineage.moved(b"B", b"x")
    assert lineage.changed == []
    assert sorted(lineage.newborn) == [b"B", b"b", b"x"]
