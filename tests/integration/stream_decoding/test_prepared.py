"""An XA transaction's rows are where it was prepared; they take effect where it commits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.errors import FatalError
from pipeline.mysql.table import Table
from pipeline.stream.events import TransactionEnd
from tests.integration.stream_decoding.source import SourceServer

XID = "X'61',X'',1"


@pytest.fixture
def table(source: SourceServer) -> Iterator[Table]:
    source.run("CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE other (id int PRIMARY KEY)")
    yield source.table("t")
    if source.run("XA RECOVER"):  # it would hold the table for ever
        source.run("XA ROLLBACK 'a'")


def prepare(source: SourceServer, name: str) -> None:
    insert = f"INSERT INTO {name} VALUES (1)"
    source.run("XA START 'a'", insert, "XA END 'a'", "XA PREPARE 'a'")


@pytest.fixture
def prepared(source: SourceServer, table: Table) -> str:
    """The position after an XA transaction was prepared."""
    prepare(source, "t")
    return source.executed()


def test_rows_prepared_before_the_position_are_never_lost(
    source: SourceServer, table: Table, prepared: str
) -> None:
    source.run("XA COMMIT 'a'")
    with pytest.raises(FatalError, match="prepared before"):
        source.events(prepared, table)


def test_rows_prepared_before_the_position_and_rolled_back_are_no_trouble(
    source: SourceServer, table: Table, prepared: str
) -> None:
    source.run("XA ROLLBACK 'a'")
    source.events(prepared, table)


def test_an_end_is_known_after_a_resume_between_it_and_its_start(
    source: SourceServer, table: Table
) -> None:
    position = source.executed()
    prepare(source, "other")
    (end,) = (one for one in source.events(position, table) if isinstance(one, TransactionEnd))
    assert end.prepared_xa == (XID,)
    position = source.executed()
    source.run("XA COMMIT 'a'")
    (end,) = (
        one
        for one in source.events(position, table, prepared_xa=end.prepared_xa)
        if isinstance(one, TransactionEnd)
    )
    assert end.prepared_xa == ()
