"""Every signal and part has words: one without them would break `status` when it is needed."""

from __future__ import annotations

import pytest

from pipeline.domain.cut_over_parts import CutOverAttempt, Part, PartTime
from pipeline.domain.reading import Reading, Signal
from pipeline.domain.request import MigrationKind
from pipeline.status.wording import attempt_text, reading_text, reasons_text
from tests.support.readings import READINGS

SENTENCES = (
    "lag of replica-1 is 12.5 s, the limit 10 s",
    "Threads_running on new is 1e+06, the limit 40",
    "history list length on new is 2000, the limit 1000",
    "apply lag is 3 s, the limit 2.5 s",
    "flag file /run/{stop} exists",
    "throttle query on old gives neither 0 nor NULL",
    "HTTP check http://calm/is it did not answer 200",
    "HTTP check http://calm/ can't be read (HTTPError: 503 {})",
    "asked for by ann@db1",
)


@pytest.mark.parametrize(("reading", "sentence"), list(zip(READINGS, SENTENCES, strict=True)))
def test_a_reading_says_what_is_over_which_limit(reading: Reading, sentence: str) -> None:
    assert reading_text(reading) == sentence


def test_no_signal_is_without_words() -> None:
    assert {reading.signal for reading in READINGS} == set(Signal)


@pytest.mark.parametrize("signal", [one for one in Signal if one is not Signal.BY_HAND])
def test_what_can_t_be_read_says_why(signal: Signal) -> None:
    reading = Reading(signal, None, 1, "new", "x", "no answer")
    assert reading_text(reading).endswith(" can't be read (no answer)")


def test_several_reasons_stand_in_one_line() -> None:
    assert reasons_text(READINGS[3:5]) == f"{SENTENCES[3]}; {SENTENCES[4]}"


def test_an_attempt_says_what_writes_were_blocked_for() -> None:
    attempt = CutOverAttempt(2, (PartTime(Part.LOCK, 12.4), PartTime(Part.DRAIN, 30_000)))
    said = "for 30,012 ms: locks 12 ms, drain 30,000 ms"
    assert attempt_text(MigrationKind.MOVE, attempt) == f"writes were refused {said}"
    assert attempt_text(MigrationKind.ALTER, attempt) == f"writes had to wait {said}"


@pytest.mark.parametrize("part", list(Part))
def test_no_part_of_a_cut_over_is_without_words(part: Part) -> None:
    assert " 1 ms" in attempt_text(MigrationKind.MOVE, CutOverAttempt(1, (PartTime(part, 1),)))
