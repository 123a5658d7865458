"""The page says what was measured, what was not, and what is not reached."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ops.dev.bench.cited import BEGIN, END, with_figures
from ops.dev.bench.lines import Line, at_least, at_most, median
from ops.dev.bench.page import render
from ops.dev.bench.results import Circumstances, Measured, load, merge, save

_TITLES = {"copy": "copy of 1 M rows", "apply": "apply", "window": "refusal window"}


def _measured(*lines: Line, missing: tuple[str, ...] = (), **changed: Any) -> Measured:
    facts: Mapping[str, Any] = {
        "day": date(2026, 11, 27), "commit": "abc1234", "machine": "2 cores",
        "versions": {"MySQL": "9.7.4"}, "rounds": 5, "scale": 1.0, "tls": "disabled",
    }  # fmt: skip
    circumstances = Circumstances(**{**facts, **changed})
    return Measured(lines=lines, missing=missing, circumstances=circumstances)


def _row(page: str, beginning: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(beginning))


def test_a_target_that_is_not_reached_stands_out() -> None:
    met = median("refusal, p50", "ms", [140, 120, 149], at_most(150, aim=100))
    missed = median("refusal, p99", "ms", [501], at_most(500))
    page = render(_TITLES, {"window": _measured(met, missed)})
    assert _row(page, "| window | refusal, p50") == (
        "| window | refusal, p50 | ≤ 150 ms | ≤ 100 ms | 140 ms (120–149 of 3) | met |  |"
    )
    assert "| **not met** |" in _row(page, "| window | refusal, p99")


def test_what_was_not_found_or_not_measured_is_named() -> None:
    page = render(_TITLES, {"copy": _measured(missing=("gh-ost", "spirit"))})
    assert "nothing to hold it against was found" in _row(page, "| copy |")
    assert "gh-ost, spirit" in _row(page, "| copy | copy of 1 M rows")
    assert "Not measured yet: apply, window." in page


def test_a_run_of_smaller_sizes_does_not_pass_for_a_full_one() -> None:
    page = render(_TITLES, {"copy": _measured(scale=0.1)})
    assert "× 0.1: not what the targets are about" in page


def test_rows_of_different_machines_are_told_apart() -> None:
    results = {"copy": _measured(), "apply": _measured(machine="8 cores"), "window": _measured()}
    page = render(_TITLES, results)
    assert "- copy, window: 2 cores; MySQL 9.7.4." in page
    assert "- apply: 8 cores; MySQL 9.7.4." in page


def test_a_name_with_a_bar_stays_in_its_cell() -> None:
    line = median("Tranship ÷ mysqldump | mysql", "×", [2], at_least(1.5))
    page = render(_TITLES, {"copy": _measured(line)})
    assert "mysqldump \\| mysql" in page


def test_the_comparison_has_ratios_alone_and_says_what_is_not_measured() -> None:
    lines = (
        median("Tranship ÷ mysqldump", "×", [2], at_least(1.5), "Tranship 90 k, mysqldump 45 k"),
        median("until ready", "s", [17]),
    )
    results = {"copy": _measured(*lines, missing=("gh-ost",))}
    page = with_figures(f"before\n{BEGIN}| copy | old |\n{END}after\n", results)
    assert (
        "| *copy* | Tranship ÷ mysqldump | 2 × (2–2 of 1) | Tranship 90 k, mysqldump 45 k |" in page
    )
    assert "| *copy* | not found: gh-ost |" in page
    assert "| *apply* | not measured yet |" in page
    assert "until ready" not in page
    assert "old" not in page
    assert (page.startswith("before\n"), page.endswith("after\n")) == (True, True)


def test_a_partial_run_replaces_only_its_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "performance.json"
    assert load(path) == {}
    old = {"copy": _measured(commit="old"), "apply": _measured(commit="old")}
    save(path, old)
    line = median("Tranship ÷ gh-ost", "×", [2, 3], at_least(2))
    new = {"apply": _measured(line, missing=("spirit",), commit="new")}
    save(path, merge(load(path), new))
    assert load(path) == {"copy": old["copy"], "apply": new["apply"]}
