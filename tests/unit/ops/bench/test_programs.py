"""A build without a flag is left out by name, instead of failing in the midst of a row."""

from __future__ import annotations

import pytest

from ops.dev.bench.programs import has_flag

_HELP = """\
Usage of gh-ost:
  -gtid
    \tset to 'true' to use GTIDs; see --move-tables
      --threads=4   how many
"""


@pytest.mark.parametrize(
    ("flag", "listed"),
    [("--gtid", True), ("--threads", True), ("--move-tables", False), ("--thread", False)],
)
def test_a_flag_counts_only_where_the_help_lists_it(flag: str, listed: bool) -> None:
    assert has_flag(_HELP, flag) is listed
