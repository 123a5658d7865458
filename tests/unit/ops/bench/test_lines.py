"""Medians, quantiles and targets: a row that has not reached its target must say so."""

import pytest

from ops.dev.bench.lines import at_least, at_most, median, quantile, ratio, worst


def test_a_ratio_is_of_each_round_not_of_the_medians() -> None:
    # The machine became four times slower between the rounds, for both.
    line = ratio("copy", [100, 25, 100], [50, 20, 100], at_least(1))
    assert (line.value, line.low, line.high, line.count) == (1.25, 1.0, 2.0, 3)


def test_the_99th_percentile_of_fifty_is_the_largest() -> None:
    values = list(range(1, 51))
    assert quantile("refusal", "ms", values, 0.99).value == 50
    assert quantile("refusal", "ms", values, 0.5).value == 25
    assert quantile("refusal", "ms", [7], 0.99).value == 7


def test_the_worst_value_is_on_the_wrong_side_of_the_target() -> None:
    assert worst("rate", "", [3, 1, 2], at_least(2)).value == 1
    assert worst("time", "s", [3, 1, 2], at_most(2)).value == 3


@pytest.mark.parametrize(
    ("target", "value", "is_met"),
    [
        (at_least(1.5), 1.5, True),
        (at_least(1.5), 1.49, False),
        (at_most(150), 150, True),
        (at_most(150), 151, False),
        (None, 1, None),
    ],
)
def test_met_or_not(target: object, value: float, is_met: bool | None) -> None:
    assert median("what", "", [value], target).is_met is is_met  # type: ignore[arg-type]
