"""What we use of mysql-replication and PyMySQL that neither promises to keep.

One test for each part, named after the failure that its loss would be; the message says which
library, which version, which part. The upper bounds in pyproject.toml keep a new minor version
out until somebody raises them: these tests then say what has to be fixed first. What needs a
server to be seen is in tests/integration/stream_decoding/test_client_contract.py.
"""

from __future__ import annotations

import ast
import inspect
import socket
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from pymysql.connections import Connection, MySQLResult
from pymysql.cursors import Cursor
from pymysql.protocol import MysqlPacket, OKPacketWrapper
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.gtid import GtidSet

from pipeline.stream.dump import BinlogDump, NoGtids

ROOT = Path(__file__).parents[3]
DUMP, POOLS = "pipeline/stream/dump.py", "pipeline/mysql/pools.py"
CONNECT = "pipeline/mysql/connect.py"
REPLICATION, DRIVER = "mysql-replication", "pymysql"
ASK = "_BinLogStreamReader__connect_to_stream"
PARTS = {
    DUMP: {ASK, "_read_packet", "_force_close", "_sock"},
    POOLS: {"_result"},
    CONNECT: {"_read_timeout"},
}


def gone(library: str, part: str, user: str = DUMP) -> str:
    return f"{library} {version(library)}: {part} is gone or changed; {user} relies on it"


def takes(owner: type, name: str, *arguments: object) -> bool:
    """Whether `owner` has a method `name` that can be called so."""
    try:
        inspect.signature(getattr(owner, name)).bind("self", *arguments)
    except (AttributeError, TypeError):
        return False
    return True


def names_inside(owner: type) -> set[str]:
    """The attributes of a class and all that its methods read and set."""
    functions = [one for one in vars(owner).values() if inspect.isfunction(one)]
    return {*dir(owner), *(name for one in functions for name in one.__code__.co_names)}


def unconnected() -> Any:
    """A connection of the driver that has not gone anywhere yet."""
    connection: Any = Connection(defer_connect=True)
    connection.server_version = "9.7.0"
    return connection


def our_stream() -> Any:
    """The library's client as we make it."""
    connection = unconnected()
    return BinlogDump(lambda **_: connection, 1, "", 1.0)._stream_on(connection)


# mysql-replication


def test_a_stream_is_never_refused_what_we_ask_it_for() -> None:
    try:
        our_stream()
    except TypeError as error:
        pytest.fail(gone(REPLICATION, f"a parameter of BinLogStreamReader ({error})"))


def test_the_log_is_never_asked_for_by_the_loop_that_plays_it_twice() -> None:
    part = "BinLogStreamReader.__connect_to_stream()"
    assert takes(BinLogStreamReader, ASK), gone(REPLICATION, part)


def test_the_log_never_comes_on_a_connection_that_close_does_not_know() -> None:
    asked: list[dict[str, Any]] = []

    def connect(**arguments: Any) -> None:
        asked.append(arguments)
        raise ConnectionAbortedError

    stream = BinLogStreamReader({}, 1, pymysql_wrapper=connect, enable_logging=False)
    with suppress(Exception):
        getattr(stream, ASK)()
    assert len(asked) == 1, gone(REPLICATION, "pymysql_wrapper, which gives the connection,")


def test_a_stream_from_the_beginning_never_begins_now() -> None:
    assert NoGtids()  # a false one would
    none = bytes(8)  # their number
    assert GtidSet(NoGtids()).encoded() == none, gone(REPLICATION, "auto_position as a list")


# PyMySQL, as mysql-replication uses it


def test_the_request_for_the_log_is_never_left_unwritten() -> None:
    assert takes(Connection, "_write_bytes", b""), gone(DRIVER, "Connection._write_bytes(data)")


def test_the_first_packet_of_the_log_is_never_out_of_sequence() -> None:
    assert "_next_seq_id" in names_inside(Connection), gone(DRIVER, "Connection._next_seq_id")


# PyMySQL, as we use it


def test_what_answers_no_statement_never_goes_unread() -> None:
    assert takes(Connection, "_read_packet"), gone(DRIVER, "Connection._read_packet()")
    made = inspect.signature(Connection._read_packet).parameters.get("packet_type")
    assert made is not None, gone(DRIVER, "Connection._read_packet(packet_type)")
    assert made.default is MysqlPacket, gone(DRIVER, "MysqlPacket as what _read_packet makes")


@pytest.mark.parametrize(
    ("data", "ends"),
    [(b"\xfe\0\0\2\0", True), (b"\0" + bytes(19), False), (b"\0\xfe" + bytes(18), False)],
    ids=["the end", "an event", "an event with the mark of an end inside"],
)
def test_an_event_is_never_taken_for_the_end_of_the_log(data: bytes, ends: bool) -> None:
    part = "MysqlPacket.is_eof_packet()"
    assert takes(MysqlPacket, "is_eof_packet"), gone(DRIVER, part)
    assert MysqlPacket(data, "utf8").is_eof_packet() is ends, gone(DRIVER, part)


def test_an_event_never_loses_its_first_bytes() -> None:
    part = "MysqlPacket.get_all_data()"
    assert takes(MysqlPacket, "get_all_data"), gone(DRIVER, part)
    packet = MysqlPacket(b"\0event", "utf8")
    packet.advance(1)
    assert packet.get_all_data() == b"\0event", gone(DRIVER, part)


def test_close_never_leaves_a_reader_in_its_wait() -> None:
    assert hasattr(unconnected(), "_sock"), gone(DRIVER, "Connection._sock")


def test_close_never_writes_into_the_read_of_another_thread() -> None:
    part = "Connection._force_close()"
    assert takes(Connection, "_force_close"), gone(DRIVER, part)
    connection = unconnected()
    connection._sock, peer = socket.socketpair()
    with peer:
        connection._force_close()
        peer.settimeout(1)
        assert peer.recv(100) == b"", gone(DRIVER, f"{part} without a word")
    assert connection._sock is None, gone(DRIVER, f"{part}, of Connection._sock,")


def test_what_a_load_skipped_never_goes_unseen() -> None:
    assert hasattr(unconnected().cursor(), "_result"), gone(DRIVER, "Cursor._result", POOLS)
    result = MySQLResult(unconnected())
    assert hasattr(result, "message"), gone(DRIVER, "MySQLResult.message", POOLS)


def test_the_first_count_of_a_summary_never_hides_behind_the_byte_of_its_length() -> None:
    line = b"Records: 2  Duplicates: 1  Warnings: 1"
    packet = MysqlPacket(b"\0\2\0\2\0\1\0" + bytes([len(line)]) + line, "utf8")
    part = "the byte of its length before OKPacketWrapper.message"
    assert OKPacketWrapper(packet).message == bytes([len(line)]) + line, gone(DRIVER, part, POOLS)


def test_warnings_of_a_statement_never_go_unseen() -> None:
    counts = hasattr(unconnected().cursor(), "warning_count")
    assert counts, gone(DRIVER, "Cursor.warning_count", POOLS)


def test_tls_that_a_server_offers_never_goes_unused() -> None:
    # Public names, but in no documentation: what `tls.mode = "preferred"` sets.
    connection: Any = Connection(defer_connect=True, ssl_disabled=True)
    assert connection.ssl is False, gone(DRIVER, "Connection.ssl", CONNECT)
    read = {"ssl", "ctx"} <= names_inside(Connection)
    assert read, gone(DRIVER, "Connection.ssl and Connection.ctx", CONNECT)
    assert connection._ssl_required is False, gone(DRIVER, "TLS where it is offered", CONNECT)


def test_a_login_never_waits_for_as_long_as_a_statement_may() -> None:
    connection: Any = Connection(defer_connect=True, read_timeout=7)
    assert connection._read_timeout == 7, gone(DRIVER, "Connection._read_timeout", CONNECT)
    assert hasattr(connection, "connect_timeout"), gone(DRIVER, "connect_timeout", CONNECT)


# what keeps the list above complete, and new versions out


def private_parts() -> set[str]:
    """Every private name of the classes whose objects we are given."""
    given = (BinLogStreamReader, Connection, Cursor, MySQLResult, MysqlPacket)
    names = {name for one in given for name in names_inside(one)}
    return {name for name in names if name.startswith("_") and not name.endswith("__")}


def names_of_others(path: Path) -> Iterator[str]:
    """Each attribute that a module takes of anything but `self`, and each of its texts."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") not in ("self", "cls"):
            yield node.attr


def test_no_private_part_is_used_where_no_test_watches() -> None:
    private = private_parts().union(*PARTS.values())
    used = {
        str(path.relative_to(ROOT)): found
        for folder in ("pipeline", "tasks", "workers", "ops")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (found := private.intersection(names_of_others(path)))
    }
    assert used == PARTS, f"private parts of the two libraries are used in {used}"


@pytest.mark.parametrize("library", [REPLICATION, DRIVER])
def test_a_new_minor_version_is_never_installed_unseen(library: str) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (wanted,) = (one for one in map(Requirement, declared) if one.name == library)
    assert any(one.operator == "<" for one in wanted.specifier), f"{wanted} has no upper bound"
    pin = pinned(library)
    assert wanted.specifier.contains(pin), f"requirements.lock pins {library} {pin}, not {wanted}"


def pinned(library: str) -> str:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{library}=="))
    return line.split("==")[1].rstrip(" \\")
