"""Flower: tasks that read well, no secret of ours, and nobody without a login."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from selenium.webdriver import Chrome

from pipeline.configuration.load import load_settings, server_password
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tasks.messages import COPY_CHUNK
from tasks.queues import COPY
from tests.conftest import Connect
from tests.support.browser import Flower, picture, running_browser, running_flower, shown
from tests.support.moves import SOURCE, TARGET, begin_move, story, wait_for, wait_until
from tests.support.servers import running_broker
from tests.support.stack import Stack
from tests.support.workload import create_tables

BROKERS_PASSWORD = "of-the-broker"
ROWS_VALUE = "value-of-a-row"


@pytest.fixture
def stack(config_file: Path, tmp_path: Path) -> Iterator[Stack]:
    """Workers whose broker wants a password."""
    with running_broker() as broker:
        redis.Redis.from_url(broker.url).config_set("requirepass", BROKERS_PASSWORD)
        url = broker.url.replace("redis://", f"redis://:{BROKERS_PASSWORD}@")
        path = tmp_path / "tranship.toml"
        path.write_text(re.sub(r'url = "redis://[^"]*"', f'url = "{url}"', config_file.read_text()))
        stack = Stack(path, tmp_path)
        yield stack
        stack.kill()


def worker_pages(browser: Chrome) -> list[str]:
    links = browser.find_elements("css selector", "a[href*='/worker/']")
    return [str(link.get_attribute("href")).split("/", 3)[3] for link in links]


def test_a_running_chunk_is_named_the_streamer_is_up_and_no_password_shows(
    pools: Pools, connect: Connect, schema: str, stack: Stack, tmp_path: Path
) -> None:
    create_tables(connect(), schema, 2000)
    hold = tmp_path / "hold"
    hold.touch()
    with running_flower(stack.config, tmp_path) as flower, running_browser(tmp_path) as browser:
        assert flower.refuses_strangers()
        stack.start(pause={"copy.read": {"hold": str(hold)}})
        migration_id = begin_move(pools, schema, ["accounts"], chunk_rows=200)
        chunk = rf"tranship.copy_chunk chunk \d+ of {schema}.accounts \({migration_id}\)"
        shown(browser, flower, "tasks", rf"{chunk} STARTED")
        picture(browser, "flower-tasks", tmp_path)
        seen = [browser.page_source]
        shown(browser, flower, "workers", r"stream-[^@]+@\S+\s+Online")
        picture(browser, "flower-workers", tmp_path)
        pages = worker_pages(browser)
        assert len(pages) == 3
        for page in pages:
            shown(browser, flower, page, "Pool")
            seen.append(browser.page_source)
        assert "broker_url" in seen[-1]  # where a password would show
        server = load_settings(stack.config).servers[SOURCE]
        for secret in (BROKERS_PASSWORD, server_password(server)):
            assert not any(secret in page for page in seen)
        hold.unlink()


def test_a_chunk_that_stops_the_migration_is_a_failure_and_shows_nothing_of_its_row(
    pools: Pools, connect: Connect, schema: str, stack: Stack, tmp_path: Path
) -> None:
    """Once, though messages are acknowledged late; and the worker's log has it in one line."""
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v CHAR(20), n INT)")
        run(source, f"INSERT INTO {schema}.t VALUES (1, '{ROWS_VALUE}', 7)")
    mark, hold = tmp_path / "mark", tmp_path / "hold"
    hold.touch()
    with running_flower(stack.config, tmp_path) as flower:
        stack.start(pause={"copy.claimed": {"mark": str(mark), "hold": str(hold)}})
        migration_id = begin_move(pools, schema, ["t"])
        wait_until(mark.exists, f"the chunk is not claimed\n{stack.logs()}")
        with pools.begin(TARGET) as target:  # does not take the row, and says so with its value
            run(target, f"ALTER TABLE {schema}.t MODIFY v INT")
        hold.unlink()
        wait_for(pools, migration_id, Stage.FAILED, logs=stack.logs)
        failed = wait_until(lambda: failures(flower), f"no failure in Flower\n{stack.logs()}")
        wait_until(lambda: not unacknowledged(stack), "the message is still there")
        sent = [task for task in flower.tasks().values() if task["name"] == COPY_CHUNK]
        assert flower.received(COPY_CHUNK) == len(sent)  # none was delivered again
        assert failures(flower) == failed
        (task,) = failed
        assert task["name"] == COPY_CHUNK
        assert f"see: tranship status {migration_id}" in task["exception"]
        assert ROWS_VALUE in story(pools, migration_id)
        assert ROWS_VALUE not in json.dumps(flower.tasks())
    lines = (stack.directory / "copy.log").read_text().splitlines()
    assert len([line for line in lines if "failure: " in line]) == 1
    assert not [line for line in lines if "Traceback" in line or "JobFailedError" in line]


def failures(flower: Flower) -> list[dict[str, Any]]:
    return [task for task in flower.tasks().values() if task["state"] == "FAILURE"]


def unacknowledged(stack: Stack) -> int:
    """Messages that workers have taken and that would be delivered again."""
    url = load_settings(stack.config).broker.url.get_secret_value()
    with redis.Redis.from_url(url) as broker:
        return int(broker.hlen("unacked")) + int(broker.llen(COPY))
