"""Whether both sides are still what the stream began with: each session looks before it reads."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from pipeline.checksum.verify import Verdict
from pipeline.control.leases import holder
from pipeline.control.streams import read_stream
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError
from pipeline.mysql.flavours import Received, executed_gtids, is_mariadb
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.server_run import ServerRun
from pipeline.step import source as asked
from pipeline.step.source import require_history
from pipeline.stream.streamer import Streamer
from tests.conftest import Connect
from tests.support.direct import DirectMove
from tests.support.moves import SOURCE, TARGET, wait_until
from tests.support.preflight import setting
from tests.support.settings import changed
from tests.support.streams import explanation, rows, streaming
from tests.support.verification import drained, unverified

LOST = "11111111-1111-1111-1111-111111111111:1-5"


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20))")
        run(source, f"INSERT INTO {schema}.t VALUES (1, 'a')")
    move = DirectMove.of(pools, schema, "t")
    move.copy_all()
    return move


def source_run(move: DirectMove) -> ServerRun:
    with move.pools.begin(TARGET) as control:
        return read_stream(control, move.migration_id).source_run


def note(move: DirectMove, column: str, value: str) -> None:
    with move.pools.begin(TARGET) as control:
        where = f"migration_id = '{move.migration_id}'"
        run(control, f"UPDATE tranship.streams SET {column} = '{value}' WHERE {where}")


def test_a_source_that_has_lost_what_was_applied_is_never_followed(
    move: DirectMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restored from a backup, or failed over to a replica that was behind."""
    monkeypatch.setattr(asked, "EXECUTED_LIMIT_S", 0.1)
    with move.pools.begin(SOURCE) as source:
        note(move, "position", f"{executed_gtids(source)},{LOST}")
    with streaming(move):
        wait_until(lambda: "has lost transactions" in explanation(move), "a failure", limit_s=5)


def test_a_source_that_is_still_committing_has_lost_nothing(
    move: DirectMove, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Semi-synchronous replication sends it first, and then waits for a replica, hours perhaps."""
    monkeypatch.setattr(asked, "EXECUTED_LIMIT_S", 0.1)
    committing, gtid = connect(SOURCE), f"{uuid4()}:1"
    with move.pools.begin(SOURCE) as source:
        if is_mariadb(source):
            pytest.skip("a GTID can't be chosen")
        position = GtidSet.parse(f"{executed_gtids(source)},{gtid}")
    with move.pools.begin(TARGET) as control:
        sent = replace(read_stream(control, move.migration_id), position=position)
    committing.query(f"SET gtid_next = '{gtid}'")
    committing.query("BEGIN")
    with move.pools.begin(SOURCE) as source:
        with pytest.raises(RetryableError, match="still committing"):
            require_history(source, sent)
        committing.query("COMMIT")
        require_history(source, sent)


def test_a_source_that_has_stopped_executing_what_it_receives_is_not_waited_for(
    move: DirectMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promoted, say, with a relay log that nobody will apply; a log alone would have said so."""
    monkeypatch.setattr(asked, "EXECUTED_LIMIT_S", 0.1)
    stopped = GtidSet.parse(LOST)
    monkeypatch.setattr(asked, "received_gtids", lambda _: Received(stopped=stopped))
    with move.pools.begin(SOURCE) as source:
        note(move, "position", f"{executed_gtids(source)},{LOST}")
    with streaming(move):
        wait_until(lambda: "does not execute it" in explanation(move), "a failure", limit_s=5)


def note_stage(move: DirectMove, stage: Stage) -> None:
    with move.pools.begin(TARGET) as control:
        where = f"id = '{move.migration_id}'"
        run(control, f"UPDATE tranship.migrations SET stage = '{stage}' WHERE {where}")


@pytest.mark.parametrize("stage", [Stage.VERIFYING, Stage.SWITCHING])
def test_a_late_streamer_takes_no_role_and_fails_nothing(
    move: DirectMove, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    """The target is proved, or the truth already: what the source has lost stops nothing."""
    monkeypatch.setattr(asked, "EXECUTED_LIMIT_S", 0.1)
    with move.pools.begin(SOURCE) as source:
        note(move, "position", f"{executed_gtids(source)},{LOST}")
    note_stage(move, stage)
    Streamer(move.pools, TARGET, move.migration_id, "late").run()
    assert explanation(move) == ""


def test_after_a_change_of_server_every_row_is_verified_again(move: DirectMove) -> None:
    drained(move)
    assert move.verify(0) is Verdict.VERIFIED
    note(move, "source_identity", "another")
    with streaming(move):
        wait_until(lambda: unverified(move) == [0], "the chunk to be verified again", limit_s=5)
    assert source_run(move).server != "another"


@pytest.mark.parametrize("was_lax", [True, False])
def test_after_a_restart_every_row_is_verified_again_if_the_source_was_ever_lax(
    move: DirectMove, monkeypatch: pytest.MonkeyPatch, was_lax: bool
) -> None:
    """It may have lost what was applied, and have given the same GTIDs to other transactions."""
    drained(move)
    assert move.verify(0) is Verdict.VERIFIED
    note(move, "source_lax", "0")
    changed(monkeypatch, move.pools, throttle={"check_s": 0.001})
    with (
        setting(move.pools, SOURCE, "innodb_flush_log_at_trx_commit", "1"),
        setting(move.pools, SOURCE, "sync_binlog", "1"),
    ):
        with setting(move.pools, SOURCE, "sync_binlog", "0" if was_lax else "1"):
            move.advance()
        note(move, "source_started", "1000")
        with streaming(move):
            wait_until(lambda: source_run(move).started > 1000, "a look at the source", limit_s=5)
    assert unverified(move) == ([0] if was_lax else [])


def test_a_statement_that_changes_nothing_never_stops_the_stream(move: DirectMove) -> None:
    """`CREATE TABLE IF NOT EXISTS`, as every framework runs it at its start."""
    name = move.table.source
    with streaming(move):
        for statement in (
            f"CREATE TABLE IF NOT EXISTS {name} (id INT PRIMARY KEY)",
            f"ALTER TABLE {name} ENGINE = InnoDB, COMMENT = ''",
            f"OPTIMIZE TABLE {name}",
            f"ANALYZE TABLE {name}",
            f"INSERT INTO {name} VALUES (2, 'b')",
        ):
            with move.pools.begin(SOURCE) as source:
                run(source, statement)
        wait_until(lambda: rows(move) == 2 or explanation(move), "the row", limit_s=10)
    assert explanation(move) == ""


def test_a_statement_that_changes_nothing_and_comes_into_a_cut_over_is_looked_at_after_it(
    move: DirectMove, caplog: pytest.LogCaptureFixture
) -> None:
    """The name tells nothing while the table may have its retired one."""
    note_stage(move, Stage.BLOCKING)
    with move.pools.begin(SOURCE) as source:
        run(source, f"ALTER TABLE {move.table.source} ENGINE = InnoDB")  # both flavours log it
        run(source, f"INSERT INTO {move.table.source} VALUES (2, 'b')")
    with streaming(move):
        wait_until(lambda: "is being cut over" in caplog.text or explanation(move), "a look")
        note_stage(move, Stage.READY)
        wait_until(lambda: rows(move) == 2 or explanation(move), "the row", limit_s=10)
    assert explanation(move) == ""


def test_a_statement_that_leaves_another_definition_stops_the_stream(move: DirectMove) -> None:
    with streaming(move):
        with move.pools.begin(SOURCE) as source:
            run(source, f"ALTER TABLE {move.table.source} COMMENT = 'new'")
        wait_until(lambda: "ALTER TABLE" in explanation(move), "a failure", limit_s=10)


def test_a_target_table_that_somebody_drops_stops_the_stream_by_name(move: DirectMove) -> None:
    """Or it tries for ever what can't succeed, and nobody is told why the lag grows."""
    with streaming(move):
        wait_until(lambda: is_streaming(move), "the stream", limit_s=5)
        with move.pools.begin(TARGET) as target:
            run(target, f"DROP TABLE {move.table.target}")
        with move.pools.begin(SOURCE) as source:
            run(source, f"INSERT INTO {move.table.source} VALUES (2, 'b')")
        gone = f"{move.table.target} on new is gone"
        wait_until(lambda: gone in explanation(move), "a failure", limit_s=10)


def is_streaming(move: DirectMove) -> bool:
    with move.pools.begin(TARGET) as control:
        held = holder(control, move.migration_id, Role.STREAM)
    return held is not None and held.alive
