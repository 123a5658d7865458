"""What a person reads in a narrow terminal, and a script in a pipe."""

from __future__ import annotations

import io

import pytest

from ops.cli.format import folded

LINE = "next: " + "cut-over; waiting for 2 chunks to be verified " * 4 + "--skip-hook on-success"


class Terminal(io.StringIO):
    """A stream with somebody in front of it."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [40, 80])
def test_a_long_line_goes_on_below_indented_and_no_flag_is_cut_in_two(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = folded(LINE).splitlines()
    assert len(lines) > 1
    assert all(len(line) <= columns for line in lines)
    assert all(line.startswith("    ") for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == " ".join(LINE.split())
    assert any("--skip-hook" in line for line in lines)


def test_a_line_for_a_script_stays_one() -> None:
    assert folded(LINE) == LINE
