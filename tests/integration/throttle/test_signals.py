"""A switch holds back exactly as its page says, whatever the server answers."""

from __future__ import annotations

import socketserver
import threading

import pytest

from pipeline.configuration.settings import Throttle
from pipeline.mysql.pools import Pools
from pipeline.throttle.signals import readings
from tests.support.moves import SOURCE, TARGET


class Babbler(socketserver.StreamRequestHandler):
    """A service that speaks some other protocol."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"220 smtp.example ready\r\n")


@pytest.mark.parametrize(
    ("answer", "throttles"),
    [
        ("0", False), ("NULL", False), ("0.0", False), ("'0'", False),
        ("1", True), ("7", True), ("0.5", True), ("-1", True), ("'yes'", True), ("1 FROM dual"
        " WHERE FALSE", True),
    ],
)  # fmt: skip
def test_a_query_throttles_at_anything_but_0_or_null(
    pools: Pools, answer: str, throttles: bool
) -> None:
    (reading,) = readings(pools, Throttle(query=f"SELECT {answer}"), SOURCE, TARGET)
    assert reading.over is throttles


def test_a_check_that_answers_no_http_throttles_and_is_no_defect(pools: Pools) -> None:
    """Another service may have taken its port."""
    with socketserver.TCPServer(("127.0.0.1", 0), Babbler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/check?key=secret"
        (reading,) = readings(pools, Throttle(http=url), SOURCE, TARGET)
    assert reading.over
    assert reading.trouble == "no HTTP answer (BadStatusLine)"


def test_a_login_in_the_url_of_a_check_is_not_shown(pools: Pools) -> None:
    """What a reading is about is a label of a metric, and stands in the event log."""
    throttle = Throttle(http="http://user:token@127.0.0.1:1/check?key=secret")
    (reading,) = readings(pools, throttle, SOURCE, TARGET)
    assert reading.subject == "http://127.0.0.1:1/check"
    assert "token" not in str(reading)
    assert "secret" not in str(reading)
