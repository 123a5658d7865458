"""A search of a binary log, which may take long, is shown as long as it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.commands import control
from pipeline.cutover import foreign_writes, search_notes
from pipeline.domain.stages import Stage
from pipeline.status.progress import Progress, read_progress
from pipeline.stream.log_search import LogSearch
from tests.support.cut_overs import ReadyMove
from tests.support.moves import TARGET, story


def progress_of(move: ReadyMove) -> Progress:
    return read_progress(move.pools, TARGET, move.id)


def test_each_search_of_a_cut_over_says_what_it_reads_and_how_far_it_is(
    move: ReadyMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, None] = {}
    until = LogSearch.until

    def watched(search: LogSearch, *asked: Any) -> Iterator[Any]:
        now = progress_of(move)
        assert now.log_search is not None
        assert 0 == now.log_search.read <= now.log_search.total
        shown[now.next.partition(":")[0]] = None
        yield from until(search, *asked)

    monkeypatch.setattr(LogSearch, "until", watched)
    move.coordinators.until(Stage.DONE)
    said = "is searched for what others have written"
    told = "done; the cut-over is complete; the binary log of"
    assert list(shown) == [
        f"cut-over; the binary log of new {said}", f"{told} old {said}", f"{told} new {said}"
    ]  # fmt: skip
    assert progress_of(move).log_search is None


def test_a_search_that_takes_several_steps_is_gone_on_with_shown_and_told(
    move: ReadyMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.postpone(move.pools, TARGET, move.id, "test")
    monkeypatch.setattr(search_notes, "_LONG_S", 1e-6)
    monkeypatch.setattr(foreign_writes, "_AT_ONCE_S", -1)  # a transaction for each step
    monkeypatch.setattr(foreign_writes, "_EVERY_S", -1)  # it is time to search
    move.coordinators.once()
    monkeypatch.setattr(foreign_writes, "_EVERY_S", 600)
    read = []
    for _ in range(3):
        search = progress_of(move).log_search
        assert search is not None
        assert search.read < search.total
        read.append(search.read)
        move.coordinators.once()
    assert read == sorted(set(read))
    monkeypatch.setattr(foreign_writes, "_AT_ONCE_S", 10)
    move.coordinators.once()
    assert progress_of(move).log_search is None
    log, said = "the binary log of new", story(move.pools, move.id)
    assert f"{log} is searched for what others have written" in said
    assert f"{log} has been searched, in" in said
