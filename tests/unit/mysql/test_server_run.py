"""Whether a GTID still stands for the same transaction, once a server has started again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.mysql.server_run import ServerRun

BEFORE = ServerRun("s", 1_700_000_000, lax=False)
LATER = replace(BEFORE, started=1_700_000_100)


def lax(run: ServerRun) -> ServerRun:
    return replace(run, lax=True)


@pytest.mark.parametrize("found", [BEFORE, LATER])
def test_a_durable_server_has_lost_nothing(found: ServerRun) -> None:
    assert found.keeps_log_of(BEFORE)


@pytest.mark.parametrize(("before", "found"), [(lax(BEFORE), BEFORE), (BEFORE, lax(BEFORE))])
def test_other_settings_alone_make_no_other_server(before: ServerRun, found: ServerRun) -> None:
    """What preflight asks for, `SET GLOBAL sync_binlog = 1`, held every cut-over back for good."""
    assert found.keeps_log_of(before)


@pytest.mark.parametrize(("before", "found"), [(lax(BEFORE), LATER), (BEFORE, lax(LATER))])
def test_a_server_that_was_lax_may_have_lost_something_in_a_crash(
    before: ServerRun, found: ServerRun
) -> None:
    """Its settings of a crash's time are not those that it starts with: `my.cnf` sets them anew."""
    assert not found.keeps_log_of(before)


@pytest.mark.parametrize("found", [BEFORE, LATER])
def test_another_server_has_another_log(found: ServerRun) -> None:
    assert not replace(found, server="other").keeps_log_of(BEFORE)
