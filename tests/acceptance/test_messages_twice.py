"""A message that comes twice, and a worker that sleeps through its own replacement (I3)."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, begin_move, read, story, wait_for, wait_until
from tests.support.stack import Stack
from tests.support.workload import TABLES, Workload, create_tables, differences

ROWS = 4000


def chunks(pools: Pools, migration_id: str) -> list[tuple[int, int, str, int]]:
    """(table, number, state, attempt) of every chunk."""
    with pools.begin(TARGET) as link:
        rows = run(
            link,
            "SELECT table_id, number, state, c.attempt FROM tranship.chunks c"
            " JOIN tranship.migration_tables t ON t.id = c.table_id"
            f" WHERE migration_id = '{migration_id}' ORDER BY table_id, number",
        ).rows
    return [(int(row[0]), int(row[1]), str(row[2]), int(row[3])) for row in rows]


def assert_same(connect: Connect, schema: str) -> None:
    for name in TABLES:
        names = (f"{schema}._{name}_del", f"{schema}.{name}")
        assert differences(connect(SOURCE), connect(TARGET), names) == []


@pytest.mark.long
def test_every_chunk_message_sent_three_times_over_changes_nothing(
    pools: Pools, connect: Connect, schema: str, stack: Stack
) -> None:
    create_tables(connect(), schema, ROWS)
    writers = Workload(lambda: connect(SOURCE), schema, ROWS, seed=11).start()
    stack.start(pause={"copy.before-commit": {"delay": [0, 0.2]}})
    migration_id = begin_move(pools, schema, TABLES, postponed=True)
    sent: set[tuple[int, int]] = set()

    def repeat() -> bool:
        """Send again whatever there is, until the copy is over."""
        for table_id, number, _, _ in chunks(pools, migration_id):
            if (table_id, number) not in sent:
                sent.add((table_id, number))
                for _ in range(3):
                    send_chunk(stack, migration_id, table_id, number)
        return read(pools, migration_id).stage is not Stage.COPYING

    wait_for(pools, migration_id, Stage.COPYING, logs=stack.logs)
    wait_until(repeat, f"the copy does not end\n{stack.logs()}")
    wait_for(pools, migration_id, Stage.READY, logs=stack.logs)
    assert len(sent) > 10
    assert all(state == "done" for _, _, state, _ in chunks(pools, migration_id))
    for table_id, number in sorted(sent):  # long after the copy, too
        send_chunk(stack, migration_id, table_id, number)
    before = chunks(pools, migration_id)
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    assert chunks(pools, migration_id) == before
    writers.stop()
    assert_same(connect, schema)


def send_chunk(stack: Stack, migration_id: str, table_id: int, number: int) -> None:
    """The very message that the coordinator sends, from an application of our own."""
    from celery import Celery

    from pipeline.configuration.load import load_settings
    from tasks.messages import COPY_CHUNK
    from tasks.queues import COPY

    url = load_settings(stack.config).broker.url.get_secret_value()
    with Celery("test", broker=url, set_as_current=False) as app:
        app.conf.update(task_default_exchange="", task_default_queue=COPY)
        app.send_task(
            COPY_CHUNK, args=(TARGET, migration_id, table_id, number), exchange="", routing_key=COPY
        )


@pytest.mark.long
def test_a_worker_stopped_in_the_middle_of_a_chunk_is_replaced_and_harmless_afterwards(
    pools: Pools, connect: Connect, schema: str, stack: Stack, tmp_path: Path
) -> None:
    """SIGSTOP with rows written and not committed; redelivery; SIGCONT."""
    create_tables(connect(), schema, ROWS)
    writers = Workload(lambda: connect(SOURCE), schema, ROWS, seed=12).start()
    mark, hold = tmp_path / "mark", tmp_path / "hold"
    hold.touch()
    stack.start("coordinate", "stream")
    stack.start("copy", pause={"copy.written": {"mark": str(mark), "hold": str(hold)}})
    migration_id = begin_move(pools, schema, TABLES)
    wait_until(mark.exists, f"no chunk was written\n{stack.logs()}")
    stack.send("copy", signal.SIGSTOP)
    stopped = stack.processes.pop("copy")
    stack.processes["stopped"] = stopped
    try:
        held = [key for *key, state, _ in chunks(pools, migration_id) if state == "claimed"]
        assert held
        stack.start("copy")
        wait_for(pools, migration_id, Stage.CONVERGING, Stage.READY, Stage.DONE, logs=stack.logs)
        assert "its worker is gone; the chunk is released" in story(pools, migration_id)
        done = {
            (table, number): attempt for table, number, _, attempt in chunks(pools, migration_id)
        }
        assert all(done[table, number] > 1 for table, number in held)
    finally:
        hold.unlink()
        stack.send("stopped", signal.SIGCONT)
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    writers.stop()
    after = {(table, number): attempt for table, number, _, attempt in chunks(pools, migration_id)}
    assert {key: after[key] for key in done} == done
    assert_same(connect, schema)
