"""What lies before the position is not in the stream: the first stage looks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from pipeline.control.streams import find_stream
from pipeline.coordinate import prepare
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.xa import prepared_xa, wait_for_xa
from pipeline.preflight import binlog
from pipeline.preflight.findings import Scope, Severity
from pipeline.preflight.registry import run_preflight
from tests.support.direct import DirectMove
from tests.support.moves import SOURCE, TARGET, begin_move, move_request, read

XID = "X'CAFE',X'',1"


@pytest.fixture
def table(pools: Pools, schema: str) -> str:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(9))")
    return f"{schema}.t"


@pytest.fixture
def prepared(pools: Pools, table: str) -> Iterator[None]:
    """An XA transaction that holds a row, and waits to be committed."""
    connection = pools.connect(SOURCE)
    with connection.cursor() as cursor:
        cursor.execute(f"XA START {XID}")
        cursor.execute(f"INSERT INTO {table} VALUES (1, 'x')")
        cursor.execute(f"XA END {XID}")
        cursor.execute(f"XA PREPARE {XID}")
    connection.close()
    yield
    with pools.begin(SOURCE) as source:
        if prepared_xa(source):
            run(source, f"XA ROLLBACK {XID}")


def begun(pools: Pools, schema: str) -> DirectMove:
    return DirectMove(pools, begin_move(pools, schema, ["t"]))


def test_rows_of_an_xa_transaction_prepared_before_the_position_are_not_missed(
    pools: Pools, schema: str, prepared: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "XA_LIMIT_S", 0.1)
    move = begun(pools, schema)
    move.advance()
    migration = read(pools, move.migration_id)
    assert migration.failure is not None
    assert XID in migration.failure.explanation
    with pools.begin(TARGET) as control:
        assert find_stream(control, move.migration_id) is None


def test_an_xa_transaction_that_ends_soon_is_waited_for_and_its_end_is_known(
    pools: Pools, schema: str, prepared: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commit_then_wait(source: Connection, names: tuple[str, ...], limit_s: float) -> object:
        with pools.begin(SOURCE) as other:
            run(other, f"XA COMMIT {XID}")
        return wait_for_xa(source, names, limit_s)

    move = begun(pools, schema)
    monkeypatch.setattr(prepare, "wait_for_xa", commit_then_wait)
    move.advance()
    assert read(pools, move.migration_id).stage is Stage.COPYING
    with pools.begin(TARGET) as control:
        stream = find_stream(control, move.migration_id)
    assert stream is not None
    assert stream.prepared_xa == (XID,)


def test_a_prepared_xa_transaction_is_refused_before_the_start(
    pools: Pools, schema: str, prepared: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binlog, "_XA_LIMIT_S", 0.0)
    found = run_preflight(pools, move_request(schema, "t"), Scope.START)
    (refusal,) = (one for one in found if one.severity is Severity.REFUSED)
    assert XID in refusal.explanation


@pytest.mark.parametrize(
    "ddl",
    [
        "ADD COLUMN w INT",
        "ADD KEY (v)",
        "ROW_FORMAT = COMPACT",
        "PARTITION BY KEY (id) PARTITIONS 2",
        "ALTER v SET DEFAULT 'x'",
        "COMMENT = 'new'",
    ],
)
def test_ddl_between_the_definition_and_the_position_never_goes_unseen(
    ddl: str, pools: Pools, schema: str, table: str
) -> None:
    move = begun(pools, schema)
    with pools.begin(SOURCE) as source:
        run(source, f"ALTER TABLE {table} {ddl}")
    move.advance()
    failure = read(pools, move.migration_id).failure
    assert failure is not None
    assert re.search(f"{table} (has changed|was created with)", failure.explanation)


def test_a_target_made_by_hand_and_changed_since_never_takes_rows(
    pools: Pools, schema: str, table: str
) -> None:
    with pools.begin(TARGET) as target:
        run(target, f"CREATE DATABASE {schema}")
        run(target, f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(9))")
    move = begun(pools, schema)
    with pools.begin(TARGET) as target:
        run(target, f"ALTER TABLE {table} MODIFY v VARCHAR(8)")
    move.advance()
    failure = read(pools, move.migration_id).failure
    assert failure is not None
    assert "defined differently" in failure.explanation


def test_a_trigger_made_before_the_position_never_goes_unseen(
    pools: Pools, schema: str, table: str
) -> None:
    move = begun(pools, schema)
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TRIGGER {schema}.g BEFORE INSERT ON {table} FOR EACH ROW SET @a = 1")
    move.advance()
    failure = read(pools, move.migration_id).failure
    assert failure is not None
    assert "has triggers (g)" in failure.explanation
