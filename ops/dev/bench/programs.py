"""Finds the programs that Tranship is compared with, and sysbench, which writes.

A program is what an option names; or what the sandbox has from Debian; or what is on the PATH. One
that is nowhere is left out by name, in the table too. "gh-ost --move-tables" is a gh-ost that has
that flag: not every build does.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.dev.bench.machine import version
from ops.dev.sandbox.packages import MYDUMPER, MYSQL, SYSBENCH, Product, fetch

# The servers' own clients have to fit the servers, so they come from the same package.
_PACKAGED: Mapping[str, Product] = {
    "mysqld": MYSQL,
    "mysql": MYSQL,
    "mysqldump": MYSQL,
    "mysqlbinlog": MYSQL,
    "mydumper": MYDUMPER,
    "myloader": MYDUMPER,
    "sysbench": SYSBENCH,
}
_PATHS = {"mysqld": MYSQL.program}
_VERSION_FLAGS = {"ghostferry-copydb": "-version"}
_PLUGINS = "usr/lib/x86_64-linux-gnu/libmariadb3/plugin"


@dataclass(frozen=True)
class Program:
    """How to run one program."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    version: str = ""


@dataclass
class Programs:
    """All programs, looked for when they are first asked for."""

    named: Mapping[str, Path]
    cache: Path
    _found: dict[str, Program | None] = field(default_factory=dict)

    def find(self, name: str) -> Program | None:
        if name not in self._found:
            self._found[name] = self._look_for(name)
        return self._found[name]

    def need(self, name: str) -> Program:
        """
        Raises:
            SystemExit: it is nowhere.
        """
        program = self.find(name)
        if program is None:
            raise SystemExit(f"{name} is not found. Name it: --program {name.split()[0]}=PATH")
        return program

    def missing(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if self.find(name) is None)

    def versions(self) -> dict[str, str]:
        """Of the programs that were used so far."""
        return {name: one.version for name, one in self._found.items() if one is not None}

    def _look_for(self, name: str) -> Program | None:
        name, _, flag = name.partition(" ")
        if flag:
            program = self.find(name)
            return program if program is not None and has_flag(_help(program), flag) else None
        if name in self.named:
            return _with_version(name, Program((str(self.named[name]),)))
        if name in _PACKAGED:
            return _with_version(name, _packaged(name, _PACKAGED[name], self.cache))
        path = shutil.which(name)
        return None if path is None else _with_version(name, Program((path,)))


def _packaged(name: str, product: Product, cache: Path) -> Program:
    prefix = fetch(product, cache)
    environment = {
        "MARIADB_PLUGIN_DIR": str(prefix.path / _PLUGINS),
        "LUA_PATH": str(prefix.path / "usr/share/sysbench/?.lua"),
    }
    return Program(tuple(prefix.command(_PATHS.get(name, f"usr/bin/{name}"))), environment)


def has_flag(text: str, flag: str) -> bool:
    """Whether a program's help lists the flag, with one dash, as Go writes it, or with two."""
    listed = rf"^\s+-{{1,2}}{re.escape(flag.lstrip('-'))}\b"
    return re.search(listed, text, re.MULTILINE) is not None


def _help(program: Program) -> str:
    done = subprocess.run(
        [*program.command, "--help"], capture_output=True, text=True, check=False, timeout=20
    )
    return done.stdout + done.stderr


def _with_version(name: str, program: Program) -> Program:
    flag = _VERSION_FLAGS.get(name, "--version")
    done = subprocess.run(
        [*program.command, flag], capture_output=True, text=True, check=False, timeout=20
    )
    return Program(program.command, program.environment, version(done.stdout + done.stderr))
