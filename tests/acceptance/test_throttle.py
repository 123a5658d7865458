"""Copy and verification yield: to a replica's lag, to load, to switches, and to a person."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.commands import control
from pipeline.commands.resume import resume
from pipeline.commands.settings import change
from pipeline.configuration.load import load_settings
from pipeline.configuration.settings import Throttle
from pipeline.domain.reading import Reading, Signal, asked_for_by
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools
from pipeline.status.progress import Progress, read_progress
from tests.conftest import Connect
from tests.support.alters import begin_alter, make_table
from tests.support.moves import TARGET, read, story, wait_for, wait_until
from tests.support.primary import Primary, own_primary
from tests.support.stack import Stack


@pytest.fixture
def throttled_stack(config_file: Path, tmp_path: Path) -> Iterator[Stack]:
    """Workers with a [throttle] of the test's: `stack.config` is to be appended to."""
    path = tmp_path / "tranship.toml"
    path.write_text(config_file.read_text())
    stack = Stack(path, tmp_path)
    yield stack
    stack.kill()


def progress(pools: Pools, migration_id: str) -> Progress:
    return read_progress(pools, TARGET, migration_id)


def begin_throttled(
    pools: Pools, connect: Connect, schema: str, stack: Stack, throttle: str
) -> str:
    """A small alter whose copy is held back; its id, once that is seen."""
    stack.config.write_text(f"{stack.config.read_text()}\n[throttle]\ncheck_s = 0.2\n{throttle}\n")
    load_settings(stack.config)
    make_table(connect(TARGET), schema, "t", 5000)
    stack.start()
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT", chunk_rows=100)
    wait_until(lambda: progress(pools, migration_id).throttled, stack.logs())
    return migration_id


def stands_still(pools: Pools, migration_id: str) -> None:
    time.sleep(1)  # what was in flight ends
    before = progress(pools, migration_id)
    time.sleep(1.5)
    after = progress(pools, migration_id)
    assert after.tables[0].chunks_done == before.tables[0].chunks_done
    assert after.stage in (Stage.COPYING, Stage.CONVERGING, Stage.READY)
    assert "goes on once it is no longer throttled" in after.next


@pytest.mark.long  # short: by hand
def test_a_flag_file_holds_it_back_until_it_is_gone(
    pools: Pools, connect: Connect, schema: str, throttled_stack: Stack, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    migration_id = begin_throttled(pools, connect, schema, throttled_stack, f'flag_file = "{flag}"')
    assert progress(pools, migration_id).throttled == (
        Reading(Signal.FLAG_FILE, 1, 1, subject=str(flag)),
    )
    stands_still(pools, migration_id)
    flag.unlink()
    wait_for(pools, migration_id, Stage.DONE, logs=throttled_stack.logs)
    assert "throttle: throttled: flag file" in story(pools, migration_id)
    assert "throttle: no longer throttled" in story(pools, migration_id)


@pytest.mark.long
def test_a_query_and_a_load_hold_it_back_and_say_their_value(
    pools: Pools, connect: Connect, schema: str, throttled_stack: Stack
) -> None:
    with connect(TARGET).cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {schema}")
        cursor.execute(f"CREATE TABLE {schema}.busy (yes INT)")
        cursor.execute(f"INSERT INTO {schema}.busy VALUES (1)")
        cursor.connection.commit()
        migration_id = begin_throttled(
            pools, connect, schema, throttled_stack,
            f'query = "SELECT MAX(yes) FROM {schema}.busy"\nmax_load = {{ Threads_running = 1 }}',
        )  # fmt: skip
        reasons = progress(pools, migration_id).throttled
        assert Reading(Signal.QUERY, 1, 1, server=TARGET) in reasons
        assert (Signal.LOAD, "Threads_running", TARGET, 1) in [
            (one.signal, one.subject, one.server, one.limit) for one in reasons
        ]
    stands_still(pools, migration_id)


@pytest.mark.long
def test_an_http_check_that_does_not_answer_throttles(
    pools: Pools, connect: Connect, schema: str, throttled_stack: Stack
) -> None:
    class Check(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Check)
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    migration_id = begin_throttled(
        pools, connect, schema, throttled_stack, f'http = "{url}"\nhttp_timeout_s = 0.3'
    )
    (reason,) = progress(pools, migration_id).throttled
    assert (reason.signal, reason.subject, reason.value) == (Signal.HTTP, url, None)
    assert reason.trouble
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wait_for(pools, migration_id, Stage.DONE, logs=throttled_stack.logs)
    server.shutdown()


def test_a_critical_load_stops_it_in_a_state_that_can_be_resumed(
    pools: Pools, connect: Connect, schema: str, throttled_stack: Stack
) -> None:
    path = throttled_stack.config
    before = path.read_text()
    path.write_text(f"{before}\n[throttle]\ncritical_load = {{ Threads_connected = 1 }}\n")
    make_table(connect(TARGET), schema, "t", 100)
    throttled_stack.start()
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT")
    migration = wait_for(pools, migration_id, Stage.FAILED, logs=throttled_stack.logs)
    assert migration.failure is not None
    assert "Critical load: Threads_connected on new is" in migration.failure.explanation
    throttled_stack.stop()
    path.write_text(before)
    throttled_stack.start()
    resume(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=throttled_stack.logs)


def test_a_throttle_by_hand_holds_it_back_within_a_second_and_is_recorded(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    make_table(connect(TARGET), schema, "t", 40_000)
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT", chunk_rows=100)
    wait_for(pools, migration_id, Stage.COPYING, logs=shared_stack.logs)
    control.throttle(pools, TARGET, migration_id, "somebody")
    stands_still(pools, migration_id)
    seen = progress(pools, migration_id)
    assert seen.throttled == (asked_for_by("somebody"),)
    assert seen.next.endswith("asked for by somebody")
    assert seen.command == f"tranship unthrottle {migration_id}"
    control.unthrottle(pools, TARGET, migration_id, "somebody")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    said = story(pools, migration_id)
    assert "control: throttled by hand" in said
    assert "control: no longer throttled by hand" in said
    with pytest.raises(RefusedError, match="it has ended"):
        control.throttle(pools, TARGET, migration_id, "somebody")


def test_a_limit_is_set_for_one_migration_while_it_runs(
    pools: Pools, connect: Connect, schema: str, throttled_stack: Stack
) -> None:
    migration_id = begin_throttled(
        pools, connect, schema, throttled_stack, "max_history_list = 0.000001"
    )
    (reason,) = progress(pools, migration_id).throttled
    assert (reason.signal, reason.server) == (Signal.HISTORY_LIST, TARGET)
    change(pools, TARGET, migration_id, "max_history_list", "1e9", "somebody")
    wait_for(pools, migration_id, Stage.DONE, logs=throttled_stack.logs)
    assert "control: max_history_list: 1e9" in story(pools, migration_id)
    with pytest.raises(RefusedError, match="nothing can be set"):
        change(pools, TARGET, migration_id, "nice_ratio", "1", "somebody")


def _late(primary: Primary) -> str:
    assert primary.replica is not None
    primary.replica.run("STOP REPLICA SQL_THREAD")
    truth = make_table(primary.connect(), "s", "t", 5000)
    assert truth
    path = primary.stack.config
    path.write_text(
        f'{path.read_text()}\n[throttle]\nreplicas = ["replica"]\nmax_lag_s = 3\ncheck_s = 0.2\n'
    )
    primary.stack.start()
    return begin_alter(primary.pools, "s", "t", "ADD COLUMN c INT", chunk_rows=100)


@pytest.mark.long
def test_a_replica_that_stands_still_holds_it_back_though_nothing_is_written(
    tmp_path: Path,
) -> None:
    with own_primary(tmp_path, with_replica=True) as primary:
        migration_id = _late(primary)
        wait_until(
            lambda: read_progress(primary.pools, TARGET, migration_id).throttled,
            primary.stack.logs(),
        )
        stands_still(primary.pools, migration_id)
        assert primary.replica is not None
        primary.replica.run("START REPLICA SQL_THREAD")
        wait_for(primary.pools, migration_id, Stage.DONE, logs=primary.stack.logs)
        assert "throttled: lag of replica" in story(primary.pools, migration_id)
        assert read(primary.pools, migration_id).failure is None


def test_every_limit_of_the_configuration_has_a_sensible_default() -> None:
    """Without a [throttle] nothing is read, and nothing held back."""
    wanted = Throttle()
    assert (wanted.replicas, wanted.max_load, wanted.critical_load) == ([], {}, {})
    switches = (wanted.flag_file, wanted.query, wanted.http, wanted.max_history_list)
    assert switches == (None, None, None, None)
