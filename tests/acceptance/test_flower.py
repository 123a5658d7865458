"""Flower: tasks that read well, no secret of ours, and nobody without a login."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from selenium.webdriver import Chrome

from pipeline.configuration.load import load_settings, server_password
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.browser import picture, running_browser, running_flower, shown
from tests.support.moves import SOURCE, begin_move
from tests.support.servers import running_broker
from tests.support.stack import Stack
from tests.support.workload import create_tables

BROKERS_PASSWORD = "of-the-broker"


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
