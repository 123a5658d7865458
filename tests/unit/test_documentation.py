"""What the documentation names exists, and the glossary has each word once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

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
_CHAIN = re.compile(r"^```calls\n(.*?)^```", re.M | re.S)
_CALL = re.compile(r"^( *)([\w.]+)(?:  .*)?$")
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


def test_every_package_in_the_picture_is_explained() -> None:
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


def _calls() -> Iterator[tuple[str | None, str]]:
    """Each function in a chain of docs/architecture.md, after the one that calls it."""
    for chain in _CHAIN.findall(house.PAGE.read_text()):
        callers: list[str] = []
        for line in chain.splitlines():
            found = _CALL.fullmatch(line)
            assert found is not None, line
            depth = len(found[1]) // 2
            callers[depth:] = [found[2]]
            yield (callers[depth - 1] if depth else None), found[2]


def _found(name: str) -> tuple[ModuleType, object]:
    """The module of a dotted name, and what the rest of the name stands for in it."""
    parts = name.split(".")
    if parts[0] != "tasks":
        parts.insert(0, "pipeline")
    at = next(at for at, part in enumerate(parts) if part[0].isupper() or at == len(parts) - 1)
    module = import_module(".".join(parts[:at]))
    found: object = module
    for part in parts[at:]:
        found = getattr(found, part)
    return module, found


@pytest.mark.parametrize(("caller", "name"), list(_calls()))
def test_no_chain_names_a_call_that_is_not_made(caller: str | None, name: str) -> None:
    _found(name)
    if caller is not None:
        called = name.rpartition(".")[2]
        assert re.search(rf"\b{called}\b", inspect.getsource(_found(caller)[0]))


def test_no_life_is_without_its_chain() -> None:
    sections = re.findall(r"^### The life of .*\n+(.*)$", house.PAGE.read_text(), re.M)
    assert len(sections) == 6
    assert set(sections) == {"```calls"}
