"""What the documentation names exists, and the glossary has each word once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from ops.dev.reference import house

_ROOT = Path(__file__).resolve().parents[2]
_PAGES = [_ROOT / "README.md", _ROOT / "CHANGELOG.md", *sorted((_ROOT / "docs").rglob("*.md"))]
_SOURCES = [
    path
    for folder in ("tranship", "pipeline", "tasks", "workers", "ops", "tests", "compose")
    for path in sorted((_ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".toml", ".yml", ".service")
]
# What a path in prose may be relative to.
_BASES = [_ROOT, _ROOT / "pipeline", _ROOT / "tests", _ROOT / "docs"]
_PATH = re.compile(r"(?<![\w./~<>-])(?:\w[\w.-]*/)+[\w-]+\.(?:py|yml|sql|service)\b")
_MODULE = re.compile(r"(?<![\w./*])[a-z_]+\.py\b")
_FOLDER = re.compile(r"`((?:tranship|pipeline|tasks|workers|ops|tests|docs|compose)/[\w/-]*)`")
_TEST = re.compile(r"\btest_\w+")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


_NAMES = {path.name for path in _SOURCES}


def _is_there(named: str) -> bool:
    return named in _NAMES or any((base / named).exists() for base in _BASES)


def _missing(path: Path, named: Iterable[str]) -> list[str]:
    return [f"{path.relative_to(_ROOT)}: {one}" for one in named if not _is_there(one)]


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.stem)
def test_no_page_names_a_file_that_is_not_there(page: Path) -> None:
    text = page.read_text()
    named = [*_PATH.findall(text), *_MODULE.findall(text), *_FOLDER.findall(text)]
    assert _missing(page, named) == []


def test_no_comment_names_a_file_that_is_not_there() -> None:
    missing = []
    for path in _SOURCES:
        text = path.read_text()
        missing += _missing(path, [*_PATH.findall(text), *_MODULE.findall(text)])
    assert missing == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.stem)
def test_no_page_names_a_test_that_is_not_there(page: Path) -> None:
    for name in _TEST.findall(page.read_text()):
        assert any(one.startswith(name) for one in _NAMES), name


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.stem)
def test_no_link_leads_nowhere(page: Path) -> None:
    broken = [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []


def test_the_picture_of_the_house_is_what_the_contracts_say() -> None:
    page = house.PAGE.read_text()
    assert house.redrawn(page) == page, "run: make docs"


def test_no_package_in_the_picture_is_without_a_word() -> None:
    mute = [
        line
        for line in house.picture().splitlines()
        if line and not line.startswith("```") and not line.endswith(".")
    ]
    assert mute == []


def test_no_word_of_the_glossary_is_there_twice() -> None:
    rows = re.findall(r"^\| (\*\*.*?) \|", (_ROOT / "docs/glossary.md").read_text(), re.M)
    words = [word for row in rows for word in re.findall(r"\*\*(.+?)\*\*", row)]
    assert len(words) > 50
    assert sorted(words) == sorted(set(words))
