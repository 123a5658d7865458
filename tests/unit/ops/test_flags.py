"""One message, two languages: the API says `with_triggers=True`, the command line says
--with-triggers, and neither names an option that its reader does not have."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from inspect import signature

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.api import Tranship
from ops.cli.alter import alter
from ops.cli.flags import in_flags
from ops.cli.main import cli
from ops.cli.move import move
from ops.dev.reference.messages import messages
from pipeline.domain.request import AlterRequest, MoveRequest


@pytest.mark.parametrize(
    ("python", "flags"),
    [
        ("Give `with_triggers=True`.", "Give --with-triggers."),
        ("Move without `target_schema=`.", "Move without --target-schema."),
        ("confirm it with: `renames={'a': 'b'}`.", "confirm it with: --rename a=b."),
        ("`renames={'a b': 'c'}`", "--rename 'a b=c'"),
        ("`accepted=['f', 'm']`", "--accept f --accept m"),
        ("`chunk_rows=0` is too small.", "--chunk-rows 0 is too small."),
        ("`lock_timeout_s=0.5`", "--lock-timeout 0.5"),
        ("name another one with `config=`", "name another one with --config"),
    ],
)
def test_an_option_is_spelled_as_the_command_has_it(python: str, flags: str) -> None:
    assert in_flags(python, cli) == flags


@pytest.mark.parametrize(
    "text",
    [
        "GRANT SELECT ON `hooks`.* TO 'u'@'%';",
        "with_triggers=True",
        "`nonsense=True`",
        "`hooks={`",
        "`a`=`b`",
    ],
)
def test_what_is_no_option_is_left_as_it_is(text: str) -> None:
    assert in_flags(text, cli) == text


@given(st.text(st.characters(exclude_characters="`\\"), min_size=1), st.text(min_size=1))
def test_a_shell_takes_the_flag_for_what_python_said(old: str, new: str) -> None:
    said = f"`renames={ {old: new.replace('`', '')}!r}`"
    assert shlex.split(in_flags(said, cli)) == ["--rename", f"{old}={new.replace('`', '')}"]


@pytest.mark.parametrize(("command", "request_type"), [(move, MoveRequest), (alter, AlterRequest)])
def test_the_command_has_a_flag_for_every_field_of_its_request(
    command: click.Command, request_type: type
) -> None:
    wanted = {field.name for field in fields(request_type)} - {
        "kind",
        "back",
    }  # nobody asks for these
    assert wanted <= {param.name for param in command.params}


_IN_A_COMMAND = re.compile(r"tranship [a-z-]+( \S+)? --")


def test_the_pipeline_spells_no_flag_but_in_a_command_to_be_typed() -> None:
    spelled = [
        text
        for message in messages()
        for text in (message.text, message.remedy)
        if message.place.startswith("pipeline/") and "--" in _IN_A_COMMAND.sub("", text)
    ]
    assert spelled == []


def test_an_option_in_a_message_is_one_that_there_is() -> None:
    options = {field.name for one in (MoveRequest, AlterRequest) for field in fields(one)}
    options |= set(signature(Tranship).parameters)
    named = {
        name
        for message in messages()
        for text in (message.text, message.remedy)
        for name in re.findall(r"`(\w+)=", text)
    }
    assert {"with_triggers", "json_as_text", "renames", "target_schema"} <= named <= options
