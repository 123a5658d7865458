"""Sides are measured in turn, and none of them always comes first."""

from functools import partial

from ops.dev.bench.in_turn import brief, in_turn, versus
from ops.dev.bench.lines import at_least


def test_each_second_round_goes_the_other_way() -> None:
    calls: list[str] = []

    def side(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    values = in_turn(
        {"a": lambda: side("a"), "b": lambda: side("b")},
        rounds=3,
        say=lambda _: None,
        prepare=lambda: calls.append("-"),
    )
    assert "".join(calls) == "-ab-ba-ab"
    assert values == {"a": [2, 6, 8], "b": [3, 5, 9]}


def test_a_side_that_would_cost_the_others_time_comes_last_in_every_round() -> None:
    calls: list[str] = []

    def side(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    sides = {name: partial(side, name) for name in "ab"}
    values = in_turn(sides, rounds=2, say=lambda _: None, last={"z": partial(side, "z")})
    assert "".join(calls) == "abzbaz"
    assert values == {"a": [1, 5], "b": [2, 4], "z": [3, 6]}


def test_a_ratio_names_both_sides_and_their_medians() -> None:
    values = {"a": [3.0, 200_000.0, 250_000.0], "b": [1.0, 100.0, 100.0], "c": [0.0, 0.0, 0.0]}
    line = versus(values, "a", "b", at_least(1), "rows/s")
    assert (line.what, line.value) == ("a ÷ b", 2000)
    assert line.figures == "a 200 k, b 100 rows/s"


def test_numbers_have_three_digits() -> None:
    shown = [brief(value) for value in (104_321.0, 8_848.4, 123.4, 1.2345, 0.0456)]
    assert shown == ["104 k", "8,848", "123", "1.23", "0.0456"]
