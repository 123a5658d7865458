"""A server's summary of a statement is read completely."""

from __future__ import annotations

import pytest

from pipeline.mysql.pools import Result
from pipeline.mysql.summary import StatementSummary


def test_an_inserts_summary_never_loses_a_count() -> None:
    found = StatementSummary.parse("Records: 7  Duplicates: 2  Warnings: 3")
    assert found == StatementSummary(records=7, duplicates=2, warnings=3)


def test_rows_that_a_load_skipped_are_never_taken_for_duplicates() -> None:
    found = StatementSummary.parse("Records: 70000  Deleted: 4  Skipped: 2  Warnings: 65540")
    assert found == StatementSummary(records=70000, skipped=2, warnings=65540)


@pytest.mark.parametrize("message", ["", "Rows matched: 5  Changed: 5  Warnings: 0"])
def test_a_statement_that_copies_no_rows_is_never_said_to_have(message: str) -> None:
    assert StatementSummary.parse(message) == StatementSummary()


def test_the_summary_of_an_answer_is_never_anothers() -> None:
    answer = Result((), 1, 0, "Records: 2  Duplicates: 1  Warnings: 0")
    assert answer.summary.records == 2
