"""python -m ops.sandbox up | status | down | clean"""

from __future__ import annotations

import sys

import click

from ops.sandbox.errors import SandboxError
from ops.sandbox.sandbox import Sandbox, clean


@click.group()
def main() -> None:
    """MySQL and MariaDB servers and a Redis on free loopback ports, without Docker."""


@main.command()
@click.option("--mysql", "mysql", multiple=True, metavar="NAME", help="A MySQL server.")
@click.option("--mariadb", "mariadb", multiple=True, metavar="NAME", help="A MariaDB server.")
def up(mysql: tuple[str, ...], mariadb: tuple[str, ...]) -> None:
    """Start the servers that are not running yet: MySQL `source` and `target`, unless told."""
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
    """Show what runs."""
    _show(Sandbox())


@main.command()
def down() -> None:
    """End the servers; what they hold stays."""
    Sandbox().stop()


@main.command(name="clean")
def clean_all() -> None:
    """End the servers and remove everything, downloads too."""
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
