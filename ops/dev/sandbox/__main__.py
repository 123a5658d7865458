"""python -m ops.dev.sandbox up | status | config | client | down | clean"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
import pymysql

from ops.dev.sandbox.errors import SandboxError
from ops.dev.sandbox.least_privileges import LEAST_USER, least_privileges
from ops.dev.sandbox.packages import MYSQL, fetch
from ops.dev.sandbox.private import write_private
from ops.dev.sandbox.sandbox import Sandbox, clean


@click.group()
def main() -> None:
    """MySQL and MariaDB servers and a Redis on free loopback ports, without Docker."""


@main.command()
@click.option("--mysql", "mysql", multiple=True, metavar="NAME", help="A MySQL server.")
@click.option("--mariadb", "mariadb", multiple=True, metavar="NAME", help="A MariaDB server.")
def up(mysql: tuple[str, ...], mariadb: tuple[str, ...]) -> None:
    """Start the servers that are not running yet: by default MySQL `source` and `target`."""
    sandbox = Sandbox()
    running = sandbox.status()
    if not mysql and not mariadb:
        mysql = ("source", "target")
    for start, names in ((sandbox.mysql, mysql), (sandbox.mariadb, mariadb)):
        for name in names:
            if name not in running:
                start(name)
    if "redis" not in running:
        sandbox.redis()
    _show(sandbox)


@main.command()
def status() -> None:
    """Show what is running."""
    _show(Sandbox())


@main.command()
@click.option("--schema", "schemas", multiple=True, default=("shop",), show_default=True)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def config(schemas: tuple[str, ...], file: Path) -> None:
    """Write FILE, a tranship.toml for the running servers that nobody else can read.

    Its user has the privileges of ops/examples on the tables of each SCHEMA, and no others.
    """
    running = Sandbox().status()
    parts = []
    for name, facts in running.items():
        if "user" in facts:
            _let_least_user_in(facts, schemas)
            parts.append(
                f'[servers.{name}]\nport = {facts["port"]}\nuser = "{LEAST_USER}"\n'
                f'password = "{facts["password"]}"\n'
            )
    if "redis" in running:
        parts.append(f'[broker]\nurl = "redis://127.0.0.1:{running["redis"]["port"]}/0"\n')
    write_private(file, "\n".join(parts))


def _let_least_user_in(facts: dict[str, Any], schemas: tuple[str, ...]) -> None:
    mariadb = facts["flavour"] == "mariadb"
    with (
        pymysql.connect(
            host="127.0.0.1", port=facts["port"], user=facts["user"], password=facts["password"]
        ) as connection,
        connection.cursor() as cursor,
    ):
        for statement in least_privileges(schemas, facts["password"], mariadb=mariadb):
            cursor.execute(statement)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def client(name: str, arguments: tuple[str, ...]) -> None:
    """Open MySQL's client on a server: client source -e "SHOW DATABASES"."""
    sandbox = Sandbox()
    facts = sandbox.status().get(name)
    if facts is None or "user" not in facts:
        raise SandboxError(f"no server {name} is running. See: python -m ops.dev.sandbox status")
    command = fetch(MYSQL, sandbox.root / "cache").command("usr/bin/mysql")
    where = ["--no-defaults", "--host=127.0.0.1", f"--port={facts['port']}"]
    environment = {**os.environ, "MYSQL_PWD": facts["password"]}
    os.execve(command[0], [*command, *where, f"--user={facts['user']}", *arguments], environment)


@main.command()
def down() -> None:
    """Stop the servers; their data stay."""
    Sandbox().stop()


@main.command(name="clean")
def clean_all() -> None:
    """Stop the servers and remove everything, downloads included."""
    clean()


def _show(sandbox: Sandbox) -> None:
    for name, facts in sandbox.status().items():
        password = f" user {facts['user']}, password in {sandbox.state}" if "user" in facts else ""
        click.echo(f"{name}: 127.0.0.1:{facts['port']} pid {facts['pid']}{password}")


if __name__ == "__main__":
    try:
        main()
    except SandboxError as error:
        sys.exit(f"sandbox: {error}")
