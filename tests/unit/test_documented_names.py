"""Commands, options, settings, variables, metrics and make's targets that a page names are there.

A page is read as far as it is code: fenced blocks, and spans in backticks. The changelog is not
read, since it also says what things were called before.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from ops.cli.lazy import commands_of
from ops.cli.main import cli
from ops.dev.sandbox.__main__ import main as sandbox
from ops.metrics.figures import described
from pipeline.configuration.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]
_PAGES = [
    *(path for path in sorted(_ROOT.glob("*.md")) if path.name != "CHANGELOG.md"),
    *sorted((_ROOT / "docs").rglob("*.md")),
    *sorted((_ROOT / "ops" / "examples").rglob("*.sh")),
]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
_SPAN = re.compile(r"`([^`]+)`")
_CALL = re.compile(r"(?<![\w/.@-])tranship((?:[ \t]+[^\s|;&)#]+)*)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_SETTING = re.compile(r"([a-z_]+)\.([a-z_0-9]+)")
_VARIABLE = re.compile(r"\bTRANSHIP_[A-Z_]+\b")
_METRIC = re.compile(r"(?<!\w)tranship_[a-z_]+\b")
_MODULE = re.compile(r"python3? -m (ops[\w.]*)(?: ([a-z]+))?")
_TARGET = re.compile(r"(?<!\S)make ((?:[a-z]+(?:-[a-z]+)* ?)+)")
# Of pt-online-schema-change, of `make bench`, of Google's gcloud.
_FOREIGN_OPTIONS = {"--resume", "--program", "--enable-bin-log"}


def _code(page: Path) -> list[str]:
    """Each piece of code of a page, one line each where a backslash does not join them."""
    text = page.read_text()
    if page.suffix != ".md":
        return text.splitlines()
    fenced = [block.replace("\\\n", " ") for _, block in _FENCE.findall(text)]
    spans = _SPAN.findall(_FENCE.sub("", text))
    return [*(line for block in fenced for line in block.splitlines()),
            *(" ".join(span.split()) for span in spans)]  # fmt: skip


def _options(command: click.Command) -> set[str]:
    of_all = {"--help", "--config", "--debug", "--version"}
    return of_all | {one for each in command.params for one in each.opts}


def _known_options() -> set[str]:
    found: set[str] = set()
    for command in commands_of(cli).values():
        found |= _options(command)
        if isinstance(command, click.Group):
            for one in command.commands.values():
                found |= _options(one)
    return found


def _faults(words: list[str]) -> Iterator[str]:
    """What is wrong with `tranship` and these words after it."""
    inner = words.index("--") if "--" in words else len(words)
    command: click.Command = cli
    names = iter(words[:inner])
    while isinstance(command, click.Group):
        name = next((word for word in names if not word.startswith("-")), "")
        if not re.fullmatch(r"[a-z][a-z-]*", name):
            return  # only the program is named, or a place is kept for any command
        known = commands_of(command) if command is cli else command.commands
        if name not in known:
            yield f"no command {name}"
            return
        command = known[name]
    for option in _OPTION.findall(" ".join(words[:inner])):
        if option not in _options(command):
            yield f"{command.name} has no {option}"
    if inner < len(words):
        yield from _faults(words[inner + 1 :])


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.name)
def test_no_page_names_a_command_or_an_option_that_is_not_there(page: Path) -> None:
    faults = []
    for line in _code(page):
        if "celery" in line or "import" in line.split():
            continue
        for call in _CALL.findall(line):
            faults += [f"{line}: {fault}" for fault in _faults(call.split())]
    assert faults == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.name)
def test_no_page_names_an_option_alone_that_no_command_has(page: Path) -> None:
    known = _known_options() | _FOREIGN_OPTIONS
    alone = [line.split()[0].split("=")[0] for line in _code(page) if line.startswith("--")]
    assert [option for option in alone if option not in known] == []


def _has_setting(section: str, name: str) -> bool:
    model = Settings.model_fields[section].annotation
    return name in model.model_fields  # type: ignore[union-attr]


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.name)
def test_no_page_names_a_setting_that_is_not_there(page: Path) -> None:
    missing = [
        line
        for line in _code(page)
        if (found := _SETTING.fullmatch(line)) is not None
        and found[1] in Settings.model_fields
        and not _has_setting(*found.groups())
    ]
    assert missing == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.name)
def test_every_configuration_on_a_page_is_accepted(page: Path) -> None:
    for language, block in _FENCE.findall(page.read_text()):
        if language == "toml":
            Settings.model_validate(tomllib.loads(block))


@cache
def _variables_read() -> set[str]:
    """Each that a module of ours names."""
    folders = ("pipeline", "workers", "ops", "tests")
    sources = [path for folder in folders for path in (_ROOT / folder).rglob("*.py")]
    return {one for path in sources for one in _VARIABLE.findall(path.read_text())}


def _is_overlay(variable: str) -> bool:
    section, _, name = variable.removeprefix("TRANSHIP_").lower().partition("__")
    return section in Settings.model_fields and _has_setting(section, name)


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.name)
def test_no_page_names_a_variable_that_nothing_reads(page: Path) -> None:
    named = set(_VARIABLE.findall(page.read_text()))
    assert {one for one in named if one not in _variables_read() and not _is_overlay(one)} == set()


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.name)
def test_no_page_names_a_metric_that_is_not_there(page: Path) -> None:
    known = {one.name for one in described()}
    named = {one for line in _code(page) for one in _METRIC.findall(line)}
    assert {one for one in named if one not in known and not one.endswith("_")} == set()


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.name)
def test_no_page_names_a_target_that_make_does_not_know(page: Path) -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (_ROOT / "Makefile").read_text(), re.M)
    assert phony is not None
    named = {word for line in _code(page) for one in _TARGET.findall(line) for word in one.split()}
    assert named - set(phony[1].split()) == set()


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.name)
def test_no_page_runs_a_module_of_ours_that_is_not_there(page: Path) -> None:
    for line in _code(page):
        for module, name in _MODULE.findall(line):
            assert find_spec(module) is not None, line
            if module == "ops.dev.sandbox" and name:
                assert name in sandbox.commands, line
