"""A MariaDB server of the sandbox: like a MySQL one, except where the two differ."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from ops.dev.sandbox.mysqld import MySQLServer
from ops.dev.sandbox.packages import MARIADB

OPTIONS = {
    "bind-address": "127.0.0.1",
    "skip-name-resolve": "ON",
    "gtid-strict-mode": "ON",
    "log-bin": "binlog",
    "log-slave-updates": "ON",
    "binlog-format": "ROW",
    "binlog-row-image": "FULL",
    "binlog-checksum": "CRC32",
    "local-infile": "ON",
    "max-connections": "300",
    "innodb-buffer-pool-size": "256M",
    "innodb-flush-log-at-trx-commit": "2",
    "sync-binlog": "0",
    "character-set-server": "utf8mb4",
}
# What mariadb-install-db feeds to a server that starts for the first time; one statement on each
# line, since that is how the server reads them.
_FIRST = ("CREATE DATABASE IF NOT EXISTS mysql;", "USE mysql;", "SET @auth_root_socket=NULL;")
_SCRIPTS = (
    "mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql",
    "fill_help_tables.sql", "maria_add_gis_sp_bootstrap.sql", "mysql_sys_schema.sql",
)  # fmt: skip


class MariaDBServer(MySQLServer):
    """One server."""

    flavour = "mariadb"
    product = MARIADB
    defaults: ClassVar[Mapping[str, str]] = OPTIONS

    def _fill_template(self, work: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
        share = self.prefix.path / "usr/share/mysql"
        (work / "mysql").mkdir(parents=True)
        statements = [*_FIRST, *((share / name).read_text() for name in _SCRIPTS)]
        flags = ["--bootstrap", f"--datadir={work}", f"--lc-messages-dir={share}"]
        return subprocess.run(
            [*command, *flags], input="\n".join(statements), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
