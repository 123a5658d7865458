"""The page that says what is exact is what the tests say."""

from __future__ import annotations

from ops.dev.compatibility import PAGE, page


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text() == page(), "run: make docs"
