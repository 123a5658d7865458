"""Reasons are stored as data: a reading that comes back otherwise is shown and counted wrongly."""

from __future__ import annotations

import json
from typing import cast

import pytest
from sqlalchemy.dialects import mysql

from pipeline.control.schema import throttles
from pipeline.control.throttles import ThrottleState
from pipeline.control.types import Json
from pipeline.domain.reading import Reading, Signal, asked_for_by
from tests.support.readings import READINGS


@pytest.mark.parametrize("readings", [(), READINGS])
def test_readings_come_back_from_the_row_as_they_were(readings: tuple[Reading, ...]) -> None:
    column, dialect = cast(Json, throttles.c.reasons.type), mysql.dialect()
    stored = json.dumps(column.process_bind_param(readings, dialect))
    back = column.process_result_value(json.loads(stored), dialect)
    assert back == readings
    assert all(isinstance(reading.signal, Signal) for reading in back)


def test_without_a_reason_nothing_is_held_back() -> None:
    assert not ThrottleState().throttled
    assert ThrottleState(reasons=READINGS[:1]).throttled
    assert ThrottleState(manual="ann@db1").throttled


def test_a_throttle_by_hand_and_a_servers_load_are_both_reported() -> None:
    state = ThrottleState(manual="ann@db1", reasons=READINGS[:1])
    assert state.all_reasons == (asked_for_by("ann@db1"), READINGS[0])
