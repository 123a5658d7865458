"""A JSON document arrives as it was, or its table does not move: text has no DECIMAL, no date."""

from __future__ import annotations

import pytest

from pipeline.control.records import Options, Stage
from pipeline.coordinate import control
from pipeline.coordinate.start import start_move
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import MoveRequest
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, begin_move, read, scalar, wait_for
from tests.support.stack import Stack

TYPED = {
    "decimal": "JSON_OBJECT('a', JSON_ARRAY(1, CAST('1.50' AS DECIMAL(5,2))))",
    "date": "JSON_ARRAY(CAST('2024-01-02' AS DATE))",
    "datetime": "CAST(TIMESTAMP'2024-01-02 03:04:05' AS JSON)",
    "time": "JSON_OBJECT('t', CAST('-12:34:56.000001' AS TIME(6)))",
    "binary": "JSON_OBJECT('b', JSON_OBJECT('c', x'00ff'))",
}
EXACT = (
    "'[0.1, 1e300, -0.0, 5e-324, 18446744073709551615, -9223372036854775808]'",
    "JSON_OBJECT('\\u000f', 15, 'text', CONCAT(CONVERT(x'0f' USING utf8mb4), 'é😀'),"
    " 'n', NULL, 'deep', JSON_ARRAY())",
    "CONCAT(REPEAT('[', 90), REPEAT(']', 90))",
)


@pytest.fixture
def table(pools: Pools, schema: str) -> str:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, j JSON)")
        for number, document in enumerate(EXACT):
            run(source, f"INSERT INTO {schema}.t VALUES ({number}, {document})")
    return f"{schema}.t"


def request(schema: str, *, as_text: bool = False) -> MoveRequest:
    return MoveRequest(SOURCE, TARGET, (TableName(schema, "t"),), json_as_text=as_text)


def insert(pools: Pools, table: str, number: int, document: str) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"INSERT INTO {table} VALUES ({number}, {document})")


@pytest.mark.parametrize("kind", TYPED)
def test_a_document_with_a_type_that_text_loses_is_refused_before_the_start(
    pools: Pools, schema: str, table: str, kind: str
) -> None:
    insert(pools, table, 99, TYPED[kind])
    with pytest.raises(RefusedError, match=r"column j hold.*--json-as-text"):
        start_move(pools, request(schema), Options(), False, "test")


def test_one_that_the_sample_missed_stops_the_copy_and_names_its_key(
    pools: Pools, schema: str, table: str, shared_stack: Stack
) -> None:
    insert(pools, table, 99, TYPED["decimal"])
    migration_id = begin_move(pools, schema, ["t"])
    failure = wait_for(pools, migration_id, Stage.FAILED, logs=shared_stack.logs).failure
    assert failure is not None
    assert "column j, at key 99" in failure.explanation
    assert "tranship resume ID --json-as-text" in failure.remedy


@pytest.mark.parametrize("kind", TYPED)
def test_one_written_during_the_move_stops_the_stream_until_it_is_accepted(
    pools: Pools, connect: Connect, schema: str, table: str, shared_stack: Stack, kind: str
) -> None:
    migration_id = start_move(pools, request(schema), Options(), True, "test")
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    insert(pools, table, 7, "JSON_OBJECT('fine', 1.5e0, 'x', CONVERT(x'0f' USING utf8mb4))")
    insert(pools, table, 99, TYPED[kind])
    failure = wait_for(pools, migration_id, Stage.FAILED, logs=shared_stack.logs).failure
    assert failure is not None
    assert "inside its document" in failure.explanation
    control.resume(pools, TARGET, migration_id, "test", json_as_text=True)
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    source, target = connect(SOURCE), connect(TARGET)
    for where in ("id <> 99", "id = 99"):
        ours, theirs = (
            scalar(link, f"SELECT GROUP_CONCAT({column} ORDER BY id) FROM {name} WHERE {where}")
            for link, column, name in (
                (source, "CAST(CAST(j AS CHAR) AS JSON)", f"{schema}._t_del"),
                (target, "j", table),
            )
        )
        assert ours == theirs
    assert read(pools, migration_id).stage is Stage.DONE


def test_exact_documents_keep_every_type(
    pools: Pools, connect: Connect, schema: str, table: str, shared_stack: Stack
) -> None:
    migration_id = start_move(pools, request(schema), Options(), True, "test")
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    for number, document in enumerate(EXACT, 20):
        insert(pools, table, number, document)
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    sums = [
        scalar(connect(server), f"SELECT GROUP_CONCAT(id, j, JSON_STORAGE_SIZE(j)) FROM {name}")
        for server, name in ((SOURCE, f"{schema}._t_del"), (TARGET, table))
    ]
    assert sums[0] == sums[1]
