"""What MySQL and MariaDB say differently.

MySQL shows a transaction in `gtid_executed` once readers see it. MariaDB's `gtid_binlog_pos`
moves when a transaction is in the binary log, which is a moment earlier. A consistent snapshot
tells which place in the log readers have reached, so `visible_gtids` reads the position first,
then the end of the log, and waits until readers get there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pymysql
from sqlalchemy import Connection

from pipeline.errors import RetryableError
from pipeline.mysql.failures import NO_PRIVILEGE, code_of
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import run, run_raw
from pipeline.mysql.quoting import text_literal
from pipeline.waiting import wait_until

_POLL_S = 0.005
_LIMIT_S = 10.0
# In what is owned: the thread that owns a number. The next UUID follows it without a separator.
_OWNER = re.compile(r"#\d+?(?=:|$|([0-9a-f]{8}-))")
Place = tuple[int, int]  # number of the binary log file, offset in it


def is_mariadb(connection: Connection) -> bool:
    return raw_is_mariadb(connection.connection.driver_connection)


def raw_is_mariadb(raw: Any) -> bool:
    """Like `is_mariadb`, for a raw PyMySQL connection."""
    return "mariadb" in str(raw.get_server_info()).lower()


def variable(connection: Connection, name: str) -> str:
    """The value of a global variable; "" if the server doesn't know it."""
    rows = run(connection, f"SHOW GLOBAL VARIABLES WHERE Variable_name = {text_literal(name)}").rows
    return str(rows[0][1]) if rows else ""


def known_variable(connection: Connection, name: str) -> str:
    """The value of a global variable that this server knows for certain.

    To show one variable the server makes a list of all of them, which takes a millisecond.
    """
    return str(run(connection, f"SELECT @@GLOBAL.{name}").rows[0][0])


def log_retention_s(connection: Connection) -> int | None:
    """After how many seconds the server purges its binary log by itself; None: not by age."""
    purges = variable(connection, "binlog_expire_logs_auto_purge") != "OFF"
    seconds = int(variable(connection, "binlog_expire_logs_seconds") or 0)
    return seconds if purges and seconds > 0 else None


def executed_gtids(connection: Connection) -> GtidSet:
    """Every transaction that the server has committed; a few may not be visible yet."""
    return raw_executed_gtids(connection.connection.driver_connection)


def raw_executed_gtids(raw: Any) -> GtidSet:
    """Like `executed_gtids`, for a raw PyMySQL connection."""
    name = "gtid_binlog_pos" if raw_is_mariadb(raw) else "gtid_executed"
    return GtidSet.parse(str(run_raw(raw, f"SELECT @@GLOBAL.{name}").rows[0][0]))


def begun_gtids(connection: Connection) -> GtidSet:
    """Every transaction that a snapshot opened before may show, and perhaps some more.

    MySQL shows a transaction to readers before it counts it as executed; meanwhile it is owned by
    its thread. Owned is read first: what ends in between is executed then.
    """
    if is_mariadb(connection):  # which logs a transaction before anybody sees it
        return executed_gtids(connection)
    owned = str(run(connection, "SELECT @@GLOBAL.gtid_owned").rows[0][0])
    begun = GtidSet.parse(_OWNER.sub(lambda owner: "," if owner[1] else "", owned))
    begun.update(executed_gtids(connection))
    return begun


def visible_gtids(connection: Connection) -> GtidSet:
    """Transactions that every later read sees. Ends the open transaction.

    Raises:
        RetryableError: readers do not catch up with the binary log.
    """
    executed = executed_gtids(connection)
    if is_mariadb(connection) and not _wait_for_readers(connection, _LIMIT_S):
        raise RetryableError("Reads on the source do not see yet what is in its binary log.")
    return executed


def wait_until_executed(connection: Connection, gtids: GtidSet, limit_s: float) -> bool:
    """Wait until reads on this server see `gtids`: the binary log runs ahead of them.

    Ends the open transaction.
    """
    if not gtids.intervals:
        return True
    if not is_mariadb(connection):
        statement = f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{gtids}', {limit_s})"
        return bool(run(connection, statement).rows[0][0] == 0)
    executed = wait_until(lambda: executed_gtids(connection).contains(gtids), limit_s, _POLL_S)
    return executed and _wait_for_readers(connection, limit_s)


def _wait_for_readers(connection: Connection, limit_s: float) -> bool:
    end = _end_of_log(connection)
    return wait_until(lambda: _readers_place(connection) >= end, limit_s, _POLL_S)


def _end_of_log(connection: Connection) -> Place:
    name, offset, *_ = run(connection, "SHOW MASTER STATUS").rows[0]
    return _place(str(name), offset)


def _readers_place(connection: Connection) -> Place:
    """The place in the binary log that a snapshot taken now has reached."""
    run(connection, "ROLLBACK")
    run(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    run(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
    rows = run(connection, "SHOW STATUS LIKE 'binlog_snapshot_%'").rows
    run(connection, "ROLLBACK")
    found = {str(name).lower(): str(value) for name, value in rows}
    return _place(found["binlog_snapshot_file"], found["binlog_snapshot_position"])


def _place(name: str, offset: Any) -> Place:
    return int(name.rpartition(".")[2]), int(offset)


def replica_sources(connection: Connection) -> set[str]:
    """The servers that this one replicates from, by their `replication_id`; "" for an unknown one.

    Raises:
        pymysql.err.OperationalError: 1227, no REPLICATION CLIENT.
    """
    column = "Master_Server_Id" if is_mariadb(connection) else "Source_UUID"
    return {str(row.get(column) or "") for row in _replica_status(connection)}


@dataclass(frozen=True)
class Received:
    """What a server has received from those that it replicates from, executed or not."""

    coming: GtidSet = field(default_factory=GtidSet)
    stopped: GtidSet = field(default_factory=GtidSet)  # where nothing executes it


def received_gtids(connection: Connection) -> Received:
    """What the server has received as a replica; nothing, if it does not let us know."""
    gtids, applier = "Retrieved_Gtid_Set", "Replica_SQL_Running"
    if is_mariadb(connection):
        gtids, applier = "Gtid_IO_Pos", "Slave_SQL_Running"
    received = Received()
    try:
        for row in _replica_status(connection):
            channel = received.coming if row.get(applier) == "Yes" else received.stopped
            channel.update(GtidSet.parse(str(row.get(gtids) or "")))
    except pymysql.err.OperationalError as error:
        if code_of(error) != NO_PRIVILEGE:
            raise
    return received


def _replica_status(connection: Connection) -> list[dict[str, Any]]:
    mariadb = is_mariadb(connection)
    return table(connection, "SHOW ALL SLAVES STATUS" if mariadb else "SHOW REPLICA STATUS")


def replication_id(connection: Connection) -> str:
    """What replicas of this server call it."""
    return known_variable(connection, "server_id" if is_mariadb(connection) else "server_uuid")


def identity(connection: Connection) -> str:
    """A text that no other server has, and that stays the same when the server restarts.

    Two MariaDBs may have all but their server_id in common, in containers that are called alike.
    """
    if not is_mariadb(connection):
        return known_variable(connection, "server_uuid")
    names = ("hostname", "port", "datadir", "server_id")
    return "/".join(known_variable(connection, name) for name in names)


def collation_names(connection: Connection) -> str:
    """The query that lists every collation by the name that columns show.

    MariaDB's newer collations belong to no character set: `uca1400_as_cs` stands for
    `utf8mb4_uca1400_as_cs` and others.
    """
    if is_mariadb(connection):
        return (
            "SELECT full_collation_name"
            " FROM information_schema.collation_character_set_applicability"
        )
    return "SELECT collation_name FROM information_schema.collations"


def innodb_foreign(connection: Connection) -> str:
    """The table of information_schema that holds InnoDB's foreign keys."""
    return "innodb_sys_foreign" if is_mariadb(connection) else "innodb_foreign"


def innodb_name(connection: Connection, column: str) -> str:
    """SQL that turns a column of that table, which holds `schema/table`, into `schema.table`."""
    halves = [f"SUBSTRING_INDEX({column}, '/', {number})" for number in (1, -1)]
    if is_mariadb(connection):  # encoded like file names: `a@0020b`
        halves = [
            f"CONVERT(CONVERT(CAST({half} AS BINARY) USING filename) USING utf8mb4)"
            for half in halves
        ]
    return f"CONCAT({halves[0]}, '.', {halves[1]})"


def innodb_tables(connection: Connection) -> str:
    """The table of information_schema that holds InnoDB's tables, each with its number."""
    return "innodb_sys_tables" if is_mariadb(connection) else "innodb_tables"


def cascades_are_logged(connection: Connection) -> bool:
    """Whether the binary log holds what a foreign key does to the rows of its child table.

    Since MySQL 9.6 the server does that; before, and in MariaDB, InnoDB does it unseen.
    """
    return variable(connection, "innodb_native_foreign_keys") == "OFF"


def replica_privileges(connection: Connection) -> tuple[str, ...]:
    """What `replica_sources` needs beyond REPLICATION CLIENT."""
    return ("SLAVE MONITOR",) if is_mariadb(connection) else ()


def binlog_status(connection: Connection) -> list[dict[str, Any]]:
    """The row that says what is logged and where the log ends.

    Raises:
        pymysql.err.OperationalError: 1227, no REPLICATION CLIENT.
    """
    version = str(run(connection, "SELECT VERSION()").rows[0][0])
    renamed = not is_mariadb(connection) and _numbers(version) >= (8, 2)
    return table(connection, "SHOW BINARY LOG STATUS" if renamed else "SHOW MASTER STATUS")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def table(connection: Connection, statement: str) -> list[dict[str, Any]]:
    """The rows of a SHOW by column name: the columns' order and number differ between versions."""
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor:
        cursor.execute(statement)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
