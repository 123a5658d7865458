"""Gets server programs from Debian's packages without touching the machine's own.

apt runs with its own sources list, state, cache and an empty package database, so it downloads
complete sets of packages and installs nothing. Each set is unpacked into a prefix, and its
programs run through that prefix's own dynamic loader. The mirror is the one that the machine's
apt is configured with; no host is named here. MySQL is only in the unstable suite, MariaDB 10.11
in bookworm. Chromium, for the browser test, is from the machine's own suite and runs on its
libraries.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.dev.sandbox.errors import SandboxError

_APT = Path("/etc/apt")
_DPKG_STATUS = Path("/var/lib/dpkg/status")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Product:
    """A set of packages from one suite, and the program in it that matters."""

    name: str
    suite: str
    packages: tuple[str, ...]
    program: str
    # A program that starts itself again by its path can't be run through another loader: it runs
    # on the machine's libraries, and the prefix holds only what those lack.
    borrows: bool = False


def _own_suite() -> str:
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")


MYSQL = Product("mysql", "sid", ("mysql-server-core", "mysql-client-core"), "usr/sbin/mysqld")
MARIADB = Product(
    "mariadb", "bookworm", ("mariadb-server-core", "mariadb-client"), "usr/sbin/mariadbd"
)
CHROMIUM = Product(
    "chromium", _own_suite(), ("chromium", "chromium-driver", "fonts-dejavu-core"),
    "usr/bin/chromedriver", borrows=True,
)  # fmt: skip
SYSBENCH = Product("sysbench", "sid", ("sysbench",), "usr/bin/sysbench")
MYDUMPER = Product("mydumper", "sid", ("mydumper",), "usr/bin/mydumper")
PROMETHEUS = Product("prometheus", _own_suite(), ("prometheus",), "usr/bin/promtool")
REDIS = Product("redis", "sid", ("redis-server",), "usr/bin/redis-server")


@dataclass(frozen=True)
class Prefix:
    """An unpacked product."""

    path: Path

    def command(self, program: str) -> list[str]:
        """How to run one of its programs: through its own loader and libraries."""
        loader = next(
            (found for place in ("usr/lib64", "lib64", "usr/lib", "lib")
             for found in (self.path / place).glob("ld-linux-*.so.*")),
            None,
        )  # fmt: skip
        if loader is None:
            raise SandboxError(f"{self.path} holds no dynamic loader. Run: make clean")
        return [str(loader), "--library-path", self._library_path(), str(self.path / program)]

    def environment(self) -> dict[str, str]:
        """For a program that runs on the machine's libraries and on the prefix's."""
        fonts = self.path / "fonts.conf"
        places = ("/usr/share/fonts", self.path / "usr/share/fonts")
        dirs = "".join(f"<dir>{place}</dir>" for place in places)
        fonts.write_text(f"<fontconfig>{dirs}<cachedir>{self.path}/fonts</cachedir></fontconfig>")
        return {"LD_LIBRARY_PATH": self._library_path(), "FONTCONFIG_FILE": str(fonts)}

    def _library_path(self) -> str:
        places = {found.parent for found in self.path.rglob("*.so*")}
        return ":".join(sorted(str(place) for place in places))


def fetch(product: Product, cache: Path) -> Prefix:
    """The product, unpacked below `cache`; downloaded the first time only.

    Raises:
        SandboxError: no apt, no mirror, no network.
    """
    prefix = cache / product.name
    with _only_one(cache):
        if not (prefix / product.program).exists():
            _download_and_unpack(product, cache, prefix)
    return Prefix(prefix)


@contextmanager
def _only_one(cache: Path) -> Iterator[None]:
    """Processes that need a product at the same time download it once."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download_and_unpack(product: Product, cache: Path, prefix: Path) -> None:
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise SandboxError(f"The sandbox needs {tool}: it takes its servers from Debian.")
    work = cache / f"{product.name}.work"
    shutil.rmtree(work, ignore_errors=True)
    for part in ("lists/partial", "archives/partial", "root"):
        (work / part).mkdir(parents=True)
    (work / "status").touch()
    (work / "sources.list").write_text(_sources(product.suite))
    status = _DPKG_STATUS if product.borrows else work / "status"
    _apt(work, status, "update")
    _apt(work, status, "install", "--yes", "--download-only", *product.packages)
    for package in sorted((work / "archives").glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(work / "root")])
    shutil.rmtree(prefix, ignore_errors=True)
    (work / "root").rename(prefix)  # last, so that half an unpacking never passes for a whole one
    shutil.rmtree(work)


def _sources(suite: str) -> str:
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    return f"deb {signed}{debian_mirror()} {suite} main\n"


def debian_mirror(apt: Path = _APT) -> str:
    """The Debian mirror that this machine's apt uses.

    Raises:
        SandboxError: none is configured.
    """
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for file in files:
        if file.suffix in (".list", ".sources") and file.is_file():
            found = _mirror_in(file.read_text())
            if found:
                return found
    raise SandboxError("apt has no Debian mirror configured (searched below /etc/apt).")


def _mirror_in(text: str) -> str | None:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for address in re.findall(r"\b(?:https?|mirror\+\w+|file)://?\S+", "\n".join(lines)):
        if address.rstrip("/").endswith("/debian"):
            return str(address)
    return None


def _apt(work: Path, status: Path, *arguments: str) -> None:
    options = {
        "Dir::Etc::SourceList": work / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": work,
        "Dir::State::Lists": work / "lists",
        "Dir::State::Status": status,
        "Dir::Cache": work,
        "Dir::Cache::Archives": work / "archives",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
        "Acquire::Retries": "3",
    }
    flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    _run(["apt-get", "-qq", *flags, *arguments])


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        why = lines[-1] if lines else f"exit status {done.returncode}"
        raise SandboxError(f"{command[0]} failed: {why} Is the network up?")
