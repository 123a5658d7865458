"""Lines and literals: a byte that is escaped wrongly arrives as another one, or splits a row."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.mysql.codecs import NULL, bound_maker, escape, literal, load_columns, unescape
from pipeline.mysql.documents import is_typed
from pipeline.mysql.table import Column, Field, Key, Table, TableName, ValueKind
from tests.support.lines import Row, line, rows_in

SPECIAL = {b"\\": b"\\\\", b"\t": b"\\t", b"\n": b"\\n"}
MEANINGS = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}
awkward = st.lists(st.sampled_from([b"\\", b"\t", b"\n", b"n", b"t", b"N", b"\0", b"\r", b"x"]))
contents = st.binary(max_size=30) | awkward.map(b"".join)
fields = st.none() | contents
NUMERIC = (
    ValueKind.INTEGER, ValueKind.DECIMAL, ValueKind.FLOAT, ValueKind.DOUBLE, ValueKind.YEAR,
    ValueKind.BIT, ValueKind.ENUM, ValueKind.SET,
)  # fmt: skip


def column(kind: ValueKind, charset: str | None = None, *, name: str = "c") -> Column:
    return Column(name, kind, str(kind), str(kind), nullable=True, charset=charset)


def table(*columns: Column) -> Table:
    return Table(TableName("s", "t"), columns, Key("PRIMARY", (columns[0].name,)))


def loaded(text: bytes) -> list[list[Field]]:
    """What LOAD DATA makes of lines according to its manual, written independently of the code."""
    rows: list[list[Field]] = [[]]
    value, null, at = b"", False, 0
    while at < len(text):
        one = text[at : at + 1]
        if one == b"\\":
            following = text[at + 1 : at + 2]
            null = following == b"N" and not value
            value += b"" if null else MEANINGS.get(following, following)
            at += 2
            continue
        if one in (b"\t", b"\n"):
            rows[-1].append(None if null else value)
            value, null = b"", False
            if one == b"\n":
                rows.append([])
        else:
            value += one
        at += 1
    assert (rows.pop(), value) == ([], b""), "the last line has no end"
    return rows


@pytest.mark.parametrize("number", range(256))
def test_every_byte_alone_and_between_others(number: int) -> None:
    one = bytes([number])
    assert escape(one) == SPECIAL.get(one, one)
    for field in (one, b"a" + one + b"b", one + b"N", one + b"n", b"\\" + one, one * 3):
        assert unescape(escape(field)) == field
        assert loaded(escape(field) + b"\n") == [[field]]


@given(contents)
def test_what_is_escaped_is_read_back_by_us_and_by_the_server(field: bytes) -> None:
    assert unescape(escape(field)) == field
    assert loaded(escape(field) + b"\n") == [[field]]
    assert b"\t" not in escape(field)
    assert b"\n" not in escape(field)


@given(st.lists(st.tuples(fields, fields, fields), min_size=1, max_size=5))
def test_no_value_ends_its_field_or_its_line(rows: list[tuple[Field, ...]]) -> None:
    text = b"".join(line(row) + b"\n" for row in rows)
    assert text.count(b"\n") == len(rows)
    assert loaded(text) == [list(row) for row in rows]
    assert rows_in(text.split(b"\n")[:-1]) == rows


@pytest.mark.parametrize("text", [b"NULL", b"\\N", b"N", b"\\", b"\\\\N", b"", b"null"])
def test_null_is_not_confused_with_text_that_looks_like_it(text: bytes) -> None:
    assert escape(text) != NULL
    assert loaded(escape(text) + b"\n") == [[text]]
    assert unescape(escape(text)) == text
    assert loaded(NULL + b"\n") == [[None]]
    assert unescape(NULL) is None


@pytest.mark.parametrize("kind", ValueKind)
def test_null_is_null_for_every_kind(kind: ValueKind) -> None:
    assert literal(column(kind, "latin1" if kind is ValueKind.TEXT else None), None) == b"NULL"


@given(st.tuples(contents, contents))
def test_no_byte_of_a_key_is_lost_between_its_line_and_its_literals(key: Row) -> None:
    two = table(column(ValueKind.BINARY, name="a"), column(ValueKind.TEXT, "latin1", name="b"))
    two = replace(two, key=Key("PRIMARY", ("a", "b")))
    expected = [literal(one, part).decode() for one, part in zip(two.columns, key, strict=True)]
    assert list(bound_maker(two)(line(key))) == expected


def test_the_literal_of_a_real_is_never_its_field() -> None:
    """`1` is an INTEGER or a DECIMAL, and no FLOAT is equal to 0.1."""
    two = table(column(ValueKind.FLOAT, name="a"), column(ValueKind.INTEGER, name="b"))
    two = replace(two, key=Key("PRIMARY", ("a", "b")))
    assert bound_maker(two)(b"0.1\t7") == ("CAST(0.1e0 AS FLOAT)", "7")


@given(contents)
def test_a_literal_holds_every_byte_as_hex(field: bytes) -> None:
    shown = field.hex().encode()
    assert literal(column(ValueKind.TEXT, "gbk"), field) == b"_gbk x'" + shown + b"'"
    assert literal(column(ValueKind.BINARY), field) == b"_binary x'" + shown + b"'"
    if not is_typed(field):  # the text of a document never begins with that mark
        assert literal(column(ValueKind.JSON), field) == b"CONVERT(x'" + shown + b"' USING utf8mb4)"


@pytest.mark.parametrize("kind", NUMERIC)
def test_numbers_are_not_quoted(kind: ValueKind) -> None:
    wanted = {ValueKind.FLOAT: b"CAST(-12e0 AS FLOAT)", ValueKind.DOUBLE: b"-12e0"}
    assert literal(column(kind), b"-12") == wanted.get(kind, b"-12")


def test_minus_zero_keeps_its_sign_as_a_literal() -> None:
    """As a DECIMAL it would be 0, which a partitioned table keeps in another place."""
    assert literal(column(ValueKind.DOUBLE), b"-0.0") == b"-0.0e0"


@pytest.mark.parametrize(
    "kind", [ValueKind.DATE, ValueKind.TIME, ValueKind.DATETIME, ValueKind.TIMESTAMP]
)
def test_times_are_quoted(kind: ValueKind) -> None:
    assert literal(column(kind), b"-00:00:01.50") == b"'-00:00:01.50'"


def test_every_kind_has_a_literal() -> None:
    for kind in ValueKind:
        assert literal(column(kind, "utf8mb4" if kind is ValueKind.TEXT else None), b"1")


def test_labels_and_bits_are_loaded_as_numbers_and_json_as_text() -> None:
    one = table(
        column(ValueKind.INTEGER, name="id"), column(ValueKind.ENUM, name="a`b"),
        column(ValueKind.JSON, name="j"), column(ValueKind.TEXT, "latin1", name="v"),
    )  # fmt: skip
    assert load_columns(one) == (
        "(`id`, @f1, @f2, `v`) SET `a``b` = CAST(@f1 AS UNSIGNED), `j` = CONVERT(@f2 USING utf8mb4)"
    )


def test_generated_columns_are_not_written() -> None:
    given_, computed = (
        column(ValueKind.INTEGER, name="id"),
        Column("g", ValueKind.INTEGER, "int", "int", nullable=True, generated=True),
    )
    assert load_columns(table(given_, computed)) == "(`id`)"
