"""What each `tls.mode` comes to with a server that offers TLS and with one that does not."""

from __future__ import annotations

import os
import secrets
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ops.dev.sandbox.errors import SandboxError
from ops.dev.sandbox.mysqld import MySQLServer
from ops.dev.sandbox.sandbox import Sandbox
from pipeline.configuration.settings import Server, Settings, Tls, TlsMode
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools
from pipeline.mysql.servers import tls_cipher
from pipeline.preflight.findings import CheckContext, Severity
from pipeline.preflight.servers import encryption
from pipeline.stream.dump import BinlogDump
from tests.support.moves import SOURCE, TARGET, move_request

PoolsOf = Callable[..., Pools]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(tied=True, name=f"tls-{secrets.token_hex(4)}") as sandbox:
        yield sandbox


def start(sandbox: Sandbox, name: str, **options: str) -> MySQLServer:
    try:
        return sandbox.mysql(name, options)
    except SandboxError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no servers: {error}")


@pytest.fixture(scope="module")
def server(sandbox: Sandbox) -> MySQLServer:
    """Offers TLS, with the certificates that it has made itself."""
    return start(sandbox, "tls")


@pytest.fixture(scope="module")
def plain_server(sandbox: Sandbox) -> MySQLServer:
    """Offers no TLS."""
    return start(sandbox, "plain", **{"tls-version": ""})


@pytest.fixture
def pools_of() -> Iterator[PoolsOf]:
    opened: list[Pools] = []

    def of(**servers: Server) -> Pools:
        opened.append(Pools(Settings(servers=servers)))
        return opened[-1]

    yield of
    for pools in opened:
        pools.close()


def by_port(server: MySQLServer, **tls: Any) -> Server:
    address = {"host": server.host, "port": server.port}
    return Server(**address, user=server.user, password=server.password, tls=Tls(**tls))


def by_socket(server: MySQLServer) -> Server:
    return Server(socket=server.socket, user=server.user, password=server.password)


def verified(server: MySQLServer, ca: Path | None = None, **more: Any) -> Server:
    # The certificate that MySQL makes itself names no host.
    tls = {"ca": ca or server.datadir / "ca.pem", "verify_hostname": False, **more}
    return by_port(server, mode=TlsMode.VERIFY, **tls)


def cipher(pools: Pools, name: str = "one") -> str:
    with pools.begin(name) as connection:
        return tls_cipher(connection)


def strangers_ca(path: Path) -> Path:
    """The certificate of an authority that has signed nothing."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stranger")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


# a server with TLS


def test_disabled_never_pays_for_encryption(server: MySQLServer, pools_of: PoolsOf) -> None:
    assert cipher(pools_of(one=by_port(server, mode=TlsMode.DISABLED))) == ""


@pytest.mark.parametrize("mode", [TlsMode.PREFERRED, TlsMode.REQUIRED])
def test_what_a_server_offers_never_goes_unused(
    server: MySQLServer, pools_of: PoolsOf, mode: TlsMode
) -> None:
    assert cipher(pools_of(one=by_port(server, mode=mode)))


def test_a_verified_server_is_never_turned_away(server: MySQLServer, pools_of: PoolsOf) -> None:
    assert cipher(pools_of(one=verified(server)))


def test_a_certificate_of_another_authority_never_passes(
    server: MySQLServer, pools_of: PoolsOf, tmp_path: Path
) -> None:
    pools = pools_of(one=verified(server, strangers_ca(tmp_path / "ca.pem")))
    with pytest.raises(RefusedError, match=r"one .*certificate that does not pass") as caught:
        cipher(pools)
    assert "\n" not in str(caught.value)


def test_without_a_ca_the_authorities_of_the_system_decide(
    server: MySQLServer, pools_of: PoolsOf
) -> None:
    pools = pools_of(one=by_port(server, mode=TlsMode.VERIFY, verify_hostname=False))
    with pytest.raises(RefusedError, match="certificate that does not pass"):
        cipher(pools)


def test_a_certificate_for_another_host_never_passes(
    server: MySQLServer, pools_of: PoolsOf
) -> None:
    with pytest.raises(RefusedError, match=r"not valid for '127\.0\.0\.1'.*verify_hostname"):
        cipher(pools_of(one=verified(server, verify_hostname=True)))


def test_a_server_that_demands_tls_says_which_setting_to_change(
    server: MySQLServer, pools_of: PoolsOf
) -> None:
    server.run("SET GLOBAL require_secure_transport = ON")
    try:
        with pytest.raises(RefusedError, match=r"without TLS\. Set tls\.mode"):
            cipher(pools_of(one=by_port(server, mode=TlsMode.DISABLED)))
    finally:
        server.run("SET GLOBAL require_secure_transport = OFF")


# a server without TLS


@pytest.mark.parametrize("mode", [TlsMode.DISABLED, TlsMode.PREFERRED])
def test_a_server_without_tls_is_never_lost(
    plain_server: MySQLServer, pools_of: PoolsOf, mode: TlsMode
) -> None:
    assert cipher(pools_of(one=by_port(plain_server, mode=mode))) == ""


@pytest.mark.parametrize("mode", [TlsMode.REQUIRED, TlsMode.VERIFY])
def test_nothing_is_ever_sent_in_clear_where_tls_is_a_must(
    plain_server: MySQLServer, pools_of: PoolsOf, mode: TlsMode
) -> None:
    with pytest.raises(RefusedError, match=r"one .*offers no TLS"):
        cipher(pools_of(one=by_port(plain_server, mode=mode)))


# contexts


@pytest.mark.parametrize("mode", TlsMode)
def test_certificates_are_never_read_again_for_each_connection(
    server: MySQLServer, pools_of: PoolsOf, tmp_path: Path, monkeypatch: Any, mode: TlsMode
) -> None:
    ca = tmp_path / "ca.pem"  # of this test alone, so that its context is new
    ca.write_bytes((server.datadir / "ca.pem").read_bytes())
    made: list[ssl.SSLContext] = []
    make = ssl.create_default_context

    def counted(**how: Any) -> ssl.SSLContext:
        made.append(make(**how))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    one = verified(server, ca) if mode is TlsMode.VERIFY else by_port(server, mode=mode)
    pools = pools_of(one=one)
    for _ in range(5):
        pools.connect("one").close()
    assert len(made) == (1 if mode is TlsMode.VERIFY else 0)


def test_a_renewed_certificate_never_waits_for_a_restart(
    server: MySQLServer, pools_of: PoolsOf, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes((server.datadir / "ca.pem").read_bytes())
    pools = pools_of(one=verified(server, ca))
    pools.connect("one").close()
    strangers_ca(tmp_path / "new.pem").replace(ca)
    with pytest.raises(RefusedError, match="certificate that does not pass"):
        pools.connect("one")


def test_a_ca_that_is_not_there_is_one_line(server: MySQLServer, pools_of: PoolsOf) -> None:
    with pytest.raises(RefusedError, match=r"TLS files.*nowhere") as caught:
        cipher(pools_of(one=verified(server, Path("/nowhere/ca.pem"))))
    assert "\n" not in str(caught.value)


# Unix sockets, and what doctor says


def test_a_unix_socket_never_pays_for_encryption(server: MySQLServer, pools_of: PoolsOf) -> None:
    assert cipher(pools_of(one=by_socket(server))) == ""


@pytest.mark.parametrize("reach", [by_socket, by_port, verified])
def test_the_binary_log_comes_whichever_way_the_server_is_reached(
    server: MySQLServer, pools_of: PoolsOf, reach: Callable[[MySQLServer], Server]
) -> None:
    pools = pools_of(one=reach(server))
    dump = BinlogDump(partial(pools.connect, "one"), 900_001, "", heartbeat_s=1.0)
    try:
        dump.open()
        assert dump.read_packet()
    finally:
        dump.close()


def test_doctor_never_leaves_open_whether_a_server_is_reached_by_tls(
    server: MySQLServer, plain_server: MySQLServer, pools_of: PoolsOf
) -> None:
    def said(source: Server, target: Server) -> list[str]:
        pools = pools_of(**{SOURCE: source, TARGET: target})
        found = list(encryption(CheckContext(pools, move_request("s", "t"))))
        assert {finding.severity for finding in found} == {Severity.INFO}
        return [finding.explanation for finding in found]

    encrypted, plain = said(verified(server), by_port(plain_server))
    assert encrypted.startswith(f"{SOURCE} is reached with tls.mode verify: encrypted by TLS_")
    assert plain == f"{TARGET} is reached with tls.mode preferred: no TLS."
    local, _ = said(by_socket(server), by_port(plain_server))
    assert str(server.socket) in local
