"""A JSON document arrives as it was, with what its text does not say; binary is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.commands import control
from pipeline.commands.resume import Changes, resume
from pipeline.commands.start import start
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools, run
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, begin_move, move_request, scalar, wait_for
from tests.support.stack import Stack

BINARY = "JSON_OBJECT('b', JSON_OBJECT('c', x'00ff'))"
TYPED = (
    "JSON_OBJECT('a', JSON_ARRAY(1, CAST('1.50' AS DECIMAL(5,2)), 1.5e0, 1.5))",
    "JSON_ARRAY(CAST('2024-01-02' AS DATE), '2024-01-02', CAST('0001-02-03' AS DATE))",
    "CAST(TIMESTAMP'2024-01-02 03:04:05' AS JSON)",
    "CAST(0.10 AS JSON)",
    "CAST(7.0 AS JSON)",
    "JSON_OBJECT('t', CAST('-12:34:56.000001' AS TIME(6)), 'q\"\\\\.`é😀 [0]', 2.50, '', -0.00)",
    "JSON_ARRAY(CAST('-99999999999999999999999999999999999.5' AS DECIMAL(65,30)), 1e0, NULL, TRUE)",
    "JSON_OBJECT('many', JSON_ARRAY(1.1, 2.2, 3.3, 4.4), 'deep', JSON_ARRAY(JSON_ARRAY(5.50)))",
    "JSON_OBJECT('big', REPEAT('x', 70000), 'price', 12.345, 'at', TIMESTAMP'2024-01-02 03:04:05')",
)
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


def insert(pools: Pools, table: str, number: int, document: str) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"INSERT INTO {table} VALUES ({number}, {document})")


def types(link: Any, table: str) -> Any:
    """Each document's text, and the type of each of its scalars."""
    scalars = (
        "JSON_TABLE(JSON_EXTRACT(j, '$', '$**.*', '$**[*]'), '$[*]' COLUMNS (v JSON PATH '$')) AS s"
    )
    with link.cursor() as cursor:
        cursor.execute(
            f"SELECT id, j, GROUP_CONCAT(CONCAT(JSON_TYPE(v), v)) FROM {table}, {scalars}"
            " GROUP BY id, j ORDER BY id"
        )
        return cursor.fetchall()


def test_decimals_and_times_inside_documents_keep_their_types(
    pools: Pools, connect: Connect, schema: str, table: str, shared_stack: Stack
) -> None:
    for number, document in enumerate(TYPED, 100):
        insert(pools, table, number, document)
    migration_id = start(pools, move_request(schema, "t", postpone_cut_over=True), "test")
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    for number, document in enumerate((*TYPED, *EXACT), 200):
        insert(pools, table, number, document)
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    ours, theirs = types(connect(SOURCE), f"{schema}._t_del"), types(connect(TARGET), table)
    assert len(ours) == 2 * len(TYPED) + 2 * len(EXACT)
    for one, other in zip(ours, theirs, strict=True):
        assert one == other


def test_binary_inside_a_document_is_refused_before_the_start(
    pools: Pools, schema: str, table: str
) -> None:
    insert(pools, table, 99, BINARY)
    with pytest.raises(RefusedError, match=r"column j hold binary.*`json_as_text=True`"):
        start(pools, move_request(schema, "t"), "test")


def test_binary_that_the_sample_missed_stops_the_copy_and_names_its_key(
    pools: Pools, schema: str, table: str, shared_stack: Stack
) -> None:
    insert(pools, table, 99, BINARY)
    migration_id = begin_move(pools, schema, ["t"])
    failure = wait_for(pools, migration_id, Stage.FAILED, logs=shared_stack.logs).failure
    assert failure is not None
    assert "column j at key 99" in failure.explanation
    assert "tranship resume ID --json-as-text" in failure.remedy


def test_binary_written_during_the_move_stops_the_stream_until_it_is_accepted(
    pools: Pools, connect: Connect, schema: str, table: str, shared_stack: Stack
) -> None:
    migration_id = start(pools, move_request(schema, "t", postpone_cut_over=True), "test")
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    insert(pools, table, 99, BINARY)
    failure = wait_for(pools, migration_id, Stage.FAILED, logs=shared_stack.logs).failure
    assert failure is not None
    assert "binary inside a JSON document" in failure.explanation
    resume(pools, TARGET, migration_id, "test", Changes(json_as_text=True))
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    found = scalar(connect(TARGET), f"SELECT JSON_TYPE(j->'$.b.c') FROM {table} WHERE id = 99")
    assert found == "STRING"
