"""What an error of a server or of the driver becomes."""

from __future__ import annotations

import pymysql
import pytest

from pipeline.errors import RetryableError
from pipeline.mysql.failures import translate


@pytest.mark.parametrize(("code", "asks"), [(2002, True), (2003, True), (2013, False)])
def test_a_server_that_nobody_listens_on_is_asked_about(code: int, asks: bool) -> None:
    error = translate(pymysql.err.OperationalError(code, "no connection"), "new")
    assert isinstance(error, RetryableError)
    assert ("Is it running, and are host and port right?" in str(error)) is asks
