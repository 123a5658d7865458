"""A MySQL server of the sandbox: its own data directory, a loopback port, GTIDs, row images."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pymysql

from ops.dev.sandbox import process
from ops.dev.sandbox.errors import SandboxError
from ops.dev.sandbox.least_privileges import least_privileges
from ops.dev.sandbox.packages import MYSQL, Prefix
from ops.dev.sandbox.process import Identity
from pipeline.errors import known

USER = "sandbox"  # it may do everything; Tranship has a user of its own
OPTIONS = {
    "bind-address": "127.0.0.1",
    "mysqlx": "OFF",
    "skip-name-resolve": "ON",
    "gtid-mode": "ON",
    "enforce-gtid-consistency": "ON",
    "log-bin": "binlog",
    "binlog-row-image": "FULL",
    "local-infile": "ON",
    "max-connections": "300",
    "innodb-buffer-pool-size": "256M",
    # A sandbox survives a crash of its servers, but not of the machine.
    "innodb-flush-log-at-trx-commit": "2",
    "sync-binlog": "0",
    "secure-file-priv": "NULL",
}
_LOWER_CASE = "lower-case-table-names"  # which a data directory keeps for ever


@dataclass
class MySQLServer:
    """One server. It can be killed and started again; its data stay."""

    prefix: Prefix
    directory: Path
    port: int
    server_id: int
    tied: bool
    options: Mapping[str, str] = field(default_factory=dict)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    identity: Identity | None = None

    host = "127.0.0.1"
    user = USER
    flavour = "mysql"
    product = MYSQL
    defaults: ClassVar[Mapping[str, str]] = OPTIONS

    @property
    def datadir(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "error.log"

    @property
    def socket(self) -> Path:
        return socket_path(self.port)

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            SandboxError: with the end of its error log.
        """
        if not self.datadir.exists():
            self._initialise()
        clear_socket(self.port)
        self.identity = process.spawn(self._command(), self.log, tied=self.tied, environment={})
        process.wait_ready(self.identity, self._answers, self.log, "mysqld")
        self._let_user_in()

    def stop(self) -> None:
        if self.identity is not None:
            process.end(self.identity)
        clear_socket(self.port)

    def kill(self) -> None:
        """Send SIGKILL, which is what a crash of the machine amounts to."""
        process.kill(self._process)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        process.send(self._process, signal.SIGSTOP)

    def resume(self) -> None:
        process.send(self._process, signal.SIGCONT)

    @property
    def _process(self) -> Identity:
        return known(self.identity, "the process of a server that was started")

    def admin(self) -> pymysql.Connection[Any]:
        """A connection as root, over the socket."""
        return pymysql.connect(unix_socket=str(self.socket), user="root", autocommit=True)

    def let_least_user_in(self, schemas: Iterable[str]) -> None:
        """Make Tranship's user for tables in `schemas`, with our password."""
        mariadb = self.flavour == "mariadb"
        self.run(*least_privileges(schemas, self.password, mariadb=mariadb))

    def run(self, *statements: str) -> None:
        """Run statements as root."""
        with self.admin() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _command(self) -> list[str]:
        options = {
            **self.defaults,
            "datadir": str(self.datadir),
            "port": str(self.port),
            "socket": str(self.socket),
            "server-id": str(self.server_id),
            "log-error": str(self.log),
            "pid-file": str(self.directory / "pid"),
            "lc-messages-dir": str(self.prefix.path / "usr/share/mysql"),
            "character-sets-dir": str(self.prefix.path / "usr/share/mysql/charsets"),
            **self.options,
        }
        flags = [f"--{name}={value}" for name, value in options.items()]
        return [*self.prefix.command(self.product.program), "--no-defaults", *_as_root(), *flags]

    def _answers(self) -> bool:
        try:
            self.admin().close()
        except pymysql.err.MySQLError:
            return False
        return True

    def _initialise(self) -> None:
        """Copy an initialised data directory, which is made the first time (three seconds)."""
        kind = "".join(f"-{name}-{value}" for name, value in self._kept_options.items())
        template = self.prefix.path.parent / f"{self.product.name}{kind}.data"
        if not template.exists():
            self._make_template(template)
        self.directory.mkdir(parents=True, exist_ok=True)
        shutil.copytree(template, self.datadir)
        (self.datadir / "auto.cnf").unlink(missing_ok=True)  # each server its own uuid

    @property
    def _kept_options(self) -> dict[str, str]:
        return {name: value for name, value in self.options.items() if name == _LOWER_CASE}

    def _make_template(self, template: Path) -> None:
        initialise = [*self.prefix.command(self.product.program), "--no-defaults", *_as_root()]
        make_template(template, self._fill_template, initialise)

    def _fill_template(self, work: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
        share = self.prefix.path / "usr/share/mysql"
        flags = [
            "--initialize-insecure", f"--datadir={work}", f"--lc-messages-dir={share}",
            f"--character-sets-dir={share / 'charsets'}",
            *(f"--{name}={value}" for name, value in self._kept_options.items()),
        ]  # fmt: skip
        return subprocess.run([*command, *flags], capture_output=True, text=True, check=False)

    def _let_user_in(self) -> None:
        self.run(
            f"CREATE USER IF NOT EXISTS {USER}@'%'",
            f"ALTER USER {USER}@'%' IDENTIFIED BY '{self.password}'",
            f"GRANT ALL ON *.* TO {USER}@'%' WITH GRANT OPTION",
        )


def socket_path(port: int) -> Path:
    """Not in the server's directory: a socket's path has at most 107 characters."""
    return Path(tempfile.gettempdir()) / f"tranship-{os.getuid()}-{port}.sock"


def clear_socket(port: int) -> None:
    """Remove what a killed server leaves behind: its successor would refuse to start."""
    path = socket_path(port)
    for leftover in (path, path.with_name(f"{path.name}.lock")):
        leftover.unlink(missing_ok=True)


def _as_root() -> list[str]:
    return ["--user=root"] if os.getuid() == 0 else []


Fill = Callable[[Path, list[str]], "subprocess.CompletedProcess[str]"]


def make_template(template: Path, fill: Fill, command: list[str]) -> None:
    """Make an initialised data directory at `template`, once, even if others make it meanwhile.

    Raises:
        SandboxError: with the end of the server's output.
    """
    work = template.with_suffix(f".{os.getpid()}")
    done = fill(work, command)
    if done.returncode:
        raise SandboxError(f"{command[0]} can't make a data directory: {done.stderr[-300:]}")
    if template.exists():  # another process was faster
        shutil.rmtree(work)
    else:
        work.rename(template)
