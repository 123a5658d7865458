"""A line of the log says what it is about, and never a password."""

from __future__ import annotations

import io
import json
import logging

import pytest
from structlog.contextvars import bound_contextvars

from pipeline.configuration.settings import LogFormat
from workers.log_lines import formatter
from workers.logs import BrokerOnce, Seldom


def lines_of(wanted: LogFormat) -> list[str]:
    """What is written about a chunk, and about a failure while a password is at hand."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(wanted))
    log = logging.Logger("pipeline.copy.chunk", logging.INFO)
    log.addHandler(handler)
    with bound_contextvars(migration="ab12", table="shop.orders", chunk=3, epoch=2):
        log.info("copied %d rows", 10)
    password = "s3cret"
    try:
        raise ValueError("no " + password[:0] + "luck")
    except ValueError:
        log.exception("a defect")
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("wanted", LogFormat)
def test_a_line_says_which_migration_table_chunk_and_epoch(wanted: LogFormat) -> None:
    first = lines_of(wanted)[0]
    for part in ("copied 10 rows", "ab12", "shop.orders", "chunk", "epoch", "pipeline.copy.chunk"):
        assert part in first


@pytest.mark.parametrize("wanted", LogFormat)
def test_a_traceback_shows_no_variables_for_a_password_may_be_one(wanted: LogFormat) -> None:
    text = "\n".join(lines_of(wanted))
    assert "Traceback" in text
    assert "no luck" in text
    assert "s3cret" not in text


def test_json_is_one_object_a_line_whatever_the_message_holds() -> None:
    lines = [json.loads(line) for line in lines_of(LogFormat.JSON)]
    assert {key: lines[0][key] for key in ("migration", "table", "chunk", "epoch")} == {
        "migration": "ab12", "table": "shop.orders", "chunk": 3, "epoch": 2,
    }  # fmt: skip
    assert lines[1]["level"] == "error"
    assert "migration" not in lines[1]  # what was bound is bound no more


def passed(log_filter: BrokerOnce | Seldom, name: str, level: int, text: str) -> bool:
    return log_filter.filter(logging.LogRecord(name, level, "", 0, text, None, None))


def test_a_lost_broker_is_one_line_until_the_worker_is_connected_again() -> None:
    consumer, connection = "celery.worker.consumer.consumer", "celery.worker.consumer.connection"
    once = BrokerOnce()
    for _ in range(2):
        assert passed(once, consumer, logging.WARNING, "Connection to broker lost.")
        for _ in range(9):
            assert not passed(once, consumer, logging.ERROR, "Cannot connect to redis://")
        assert passed(once, connection, logging.INFO, "Connected to redis://")
    assert passed(once, consumer, logging.ERROR, "something else")


def test_flower_says_what_it_could_not_ask_once_in_ten_minutes() -> None:
    now = 0.0
    seldom = Seldom(lambda: now)
    assert passed(seldom, "flower.events", logging.ERROR, "Failed to capture events")
    now = 599.0
    assert not passed(seldom, "flower.events", logging.ERROR, "Failed to capture events")
    assert passed(seldom, "flower.events", logging.INFO, "something else")
    now = 600.0
    assert passed(seldom, "flower.events", logging.ERROR, "Failed to capture events")
