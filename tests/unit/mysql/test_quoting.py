"""Names and literals in SQL: a quote that ends too early turns a name into a statement."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.mysql.quoting import quote, quote_list, quote_name, text_literal
from pipeline.mysql.table import TableName

AWKWARD = ["t", "a`b", "``", "`", "a.b", "it's", 'say "x"', "a b", "naïve", "表", "a\\b", "%", "--"]
names = st.sampled_from(AWKWARD) | st.text(min_size=1, max_size=64)
IDENTIFIER = re.compile(r"`((?:[^`]|``)*)`", re.DOTALL)


def identifiers(text: str, between: str) -> list[str]:
    """What the server's lexer would read: quoted names with exactly `between` between them."""
    found, at = [], 0
    while True:
        match = IDENTIFIER.match(text, at)
        assert match is not None, text[at:]
        found.append(match[1].replace("``", "`"))
        at = match.end()
        if at == len(text):
            return found
        assert text.startswith(between, at), text[at:]
        at += len(between)


@given(names)
def test_a_name_is_read_as_itself_whatever_it_holds(name: str) -> None:
    assert identifiers(quote(name), "") == [name]


@given(names, names)
def test_a_dot_in_a_name_is_not_taken_for_the_one_between(schema: str, name: str) -> None:
    assert identifiers(quote_name(TableName(schema, name)), ".") == [schema, name]


@given(st.lists(names, min_size=1, max_size=4))
def test_a_comma_in_a_name_does_not_make_two_columns(columns: list[str]) -> None:
    assert identifiers(quote_list(columns), ", ") == columns
    assert quote_list(tuple(columns)) == quote_list(columns)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("t", "`t`"), ("a`b", "`a``b`"), ("a.b", "`a.b`"), ("a'b\"c", "`a'b\"c`"), ("表", "`表`")],
)
def test_a_name_is_quoted_as_the_server_quotes_it(name: str, quoted: str) -> None:
    assert quote(name) == quoted


@given(st.text() | st.sampled_from(["\\", "\\'", "'", '"', "\0", "\x1a", "%s", "\U0001f40b", ""]))
def test_a_text_literal_holds_the_text_and_nothing_that_sql_mode_could_reread(text: str) -> None:
    match = re.fullmatch(r"_utf8mb4 x'((?:[0-9a-f]{2})*)'", text_literal(text))
    assert match is not None
    assert bytes.fromhex(match[1]).decode() == text
