"""What the workers' logs say of a migration, to whoever has nothing but them."""

from __future__ import annotations

import re

from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tests.support.moves import SOURCE, begin_move, story, wait_for
from tests.support.stack import Stack


def lines_of(stack: Stack, role: str, migration_id: str) -> list[str]:
    text = (stack.directory / f"{role}.log").read_text()
    return [line for line in text.splitlines() if f"migration={migration_id}" in line]


def test_every_line_says_what_it_is_about_and_a_change_of_stage_is_one_line(
    pools: Pools, schema: str, shared_stack: Stack
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
        run(source, f"INSERT INTO {schema}.t VALUES (1), (2), (3)")
    migration_id = begin_move(pools, schema, ["t"])
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    copied = [
        line for line in lines_of(shared_stack, "copy", migration_id) if "copied 3 rows" in line
    ]
    assert len(copied) == 1
    assert re.search(rf"chunk=0 epoch=1 migration={migration_id} table={schema}.t", copied[0])
    verified = [
        line
        for line in lines_of(shared_stack, "copy", migration_id)
        if "verification: verified" in line and "chunk=0" in line
    ]
    assert any(f"table={schema}.t" in line for line in verified)
    assert any("epoch=" in line for line in lines_of(shared_stack, "stream", migration_id))
    coordinated = lines_of(shared_stack, "coordinate", migration_id)
    logged = [re.search(r"stage: (.*) \[.* epoch=\d+ ", line) for line in coordinated]
    told = re.findall(r"stage: (.*)", story(pools, migration_id))
    assert [found[1] for found in logged if found] == told
    assert len(told) >= 8
