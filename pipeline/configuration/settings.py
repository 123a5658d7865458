"""The configuration file: every setting, its type, its unit and its default.

It is one TOML file, overlaid by environment variables (`TRANSHIP_BROKER__URL`). Unknown keys are
refused, since a misspelt time-out that is silently ignored is noticed at 3 a.m. Units are part of
the names: `_s` for seconds, `_bytes`, `_rows`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import TomlConfigSettingsSource as TomlSource


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("it must be a number, not true or false")
    return value


_Number = BeforeValidator(_no_truth)
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), _Number]
Count = Annotated[int, Field(ge=1), _Number]
Ratio = Annotated[float, Field(ge=0, le=100), _Number]
Port = Annotated[int, Field(ge=1, le=65535), _Number]
_URL_CHARACTERS = re.compile(r"[\x21-\x7e]+")


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or not _URL_CHARACTERS.fullmatch(value):
        # Not with the value, which may hold a secret.
        raise ValueError("it must be http://HOST… or https://HOST…, in ASCII, without blanks")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsMode(StrEnum):
    """Whether the sessions on a server use TLS, and whether they know who answers."""

    DISABLED = "disabled"  # never
    PREFERRED = "preferred"  # where the server offers it; whoever answers is trusted
    REQUIRED = "required"  # TLS or no connection; whoever answers is trusted
    VERIFY = "verify"  # TLS or no connection; the server's certificate is verified


# The settings that each mode has a use for. `preferred` takes no certificate of ours either: where
# it falls back to no TLS, nothing would show it.
_TLS_FILES = {
    TlsMode.DISABLED: frozenset[str](),
    TlsMode.PREFERRED: frozenset[str](),
    TlsMode.REQUIRED: frozenset({"cert", "key"}),
    TlsMode.VERIFY: frozenset({"ca", "cert", "key", "verify_hostname"}),
}


class Tls(_Strict):
    """TLS to one server, for every session: pools, binary log, replicas of the throttle.

    `disabled`: never. `preferred`: where the server offers it, without verifying anything.
    `required`: TLS or no connection, without verifying anything. `verify`: TLS or no connection,
    and the server's certificate is verified.
    """

    # As the servers' own clients and PyMySQL have it. It needs no files and works with every
    # server, and who only listens reads nothing; the other modes are decisions to be taken.
    mode: TlsMode = TlsMode.PREFERRED
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    verify_hostname: bool = True

    @model_validator(mode="after")
    def _only_what_the_mode_uses(self) -> Tls:
        # A `ca` that verifies nothing would pass for protection.
        useless = sorted(self.model_fields_set - {"mode"} - _TLS_FILES[self.mode])
        if useless:
            fitting = [mode for mode in TlsMode if _TLS_FILES[mode].issuperset(useless)]
            raise ValueError(
                f"{', '.join(useless)}: of no use with mode {self.mode},"
                f" only with {' or '.join(fitting)}"
            )
        if self.key is not None and self.cert is None:
            raise ValueError("key is given without its cert")
        return self


class Server(_Strict):
    """How to reach one server: by host and port, or by its Unix socket on the same machine.

    The password comes from at most one of three places.
    """

    host: str = "127.0.0.1"
    port: Port = 3306
    socket: Path | None = None
    user: str
    password: SecretStr | None = None
    password_file: Path | None = None
    password_env: str | None = None
    tls: Tls = Tls()

    @property
    def address(self) -> str:
        """Where it is, for a person."""
        return f"{self.host}:{self.port}" if self.socket is None else str(self.socket)

    @model_validator(mode="after")
    def _one_password(self) -> Server:
        given = [self.password, self.password_file, self.password_env]
        if sum(place is not None for place in given) > 1:
            raise ValueError("give only one of password, password_file, password_env")
        return self

    @model_validator(mode="after")
    def _one_address(self) -> Server:
        if self.socket is None:
            return self
        if self.model_fields_set & {"host", "port"}:
            raise ValueError("give either socket, or host and port")
        if "tls" in self.model_fields_set and self.tls.mode is not TlsMode.DISABLED:
            raise ValueError("a socket has no TLS: leave tls out, or set its mode to disabled")
        return self


class Broker(_Strict):
    """The message broker. It holds messages only, never a fact."""

    url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    visibility_timeout_s: Seconds = 3600


class LogFormat(StrEnum):
    """How workers write their logs."""

    TEXT = "text"
    JSON = "json"


class Workers(_Strict):
    """The processes that `tranship worker` starts on one machine."""

    copy_concurrency: Count = 4
    tick_s: Seconds = 1.0
    log_format: LogFormat = LogFormat.TEXT


class Copy(_Strict):
    """The row copy. A chunk is sized so that it takes about `chunk_s` and `chunk_bytes`."""

    chunk_rows: Count = 10_000
    chunk_rows_max: Count = 50_000
    chunk_bytes: Count = 4 * 1024 * 1024
    chunk_s: Seconds = 0.5
    window: Count = 16
    resend_s: Seconds = 20
    stale_claim_s: Seconds = 60
    attempts: Count = 10


class Stream(_Strict):
    """The streamer. A batch is committed after `batch_rows` or `batch_s`.

    A row that has changed several times within a batch is written once, and counts once.
    """

    batch_rows: Count = 20_000
    batch_bytes: Count = 8 * 1024 * 1024
    batch_s: Seconds = 0.2
    heartbeat_s: Seconds = 1.0
    queue_bytes: Count = 16 * 1024 * 1024


class Checksum(_Strict):
    """Verification. Touched keys that take `converged_s` may be left for the cut-over.

    After `attempts` errors in a row the migration stops; `repairs` of one chunk are tried.
    """

    window: Count = 8
    converged_s: Seconds = 1
    recheck_s: Seconds = 1
    resend_s: Seconds = 20
    drain_wait_s: Seconds = 5
    repairs: Count = 3
    attempts: Count = 10


class CutOver(_Strict):
    """The cut-over. Writes are refused for at most `limit_s`; then the source is restored."""

    lock_wait_s: Count = 3
    limit_s: Seconds = 30
    retry_s: Seconds = 10
    attempts: Count = 10
    ready_lag_s: Seconds = 5


class Hooks(_Strict):
    """The operator's commands: how long one may run, and how often `status` runs."""

    limit_s: Seconds = 60
    status_s: Seconds = 60


class Throttle(_Strict):
    """What copy and verification yield to. A limit that is reached throttles.

    `replicas` are servers of this file that replicate from the target. `max_load` and
    `critical_load` are limits of status variables, as in `{ Threads_running = 40 }`; a critical
    one stops the migration. The query runs on the source: anything but 0 or NULL throttles.

    The stream comes first, without a limit of yours: while it is `yield_lag_s` or more behind, one
    chunk is in flight. So the copy always goes on, unless `max_apply_lag_s` stops it. Nor do
    others need one: while their statements run on the source, a worker that has kept the source
    busy for 0.1 s pauses for `busy_nice_ratio` times as long, up to 3 s (2 s if it has verified).
    """

    replicas: list[str] = []
    max_lag_s: Seconds = 10
    max_load: dict[str, Seconds] = {}
    critical_load: dict[str, Seconds] = {}
    max_history_list: Seconds | None = None
    yield_lag_s: Seconds = 2
    max_apply_lag_s: Seconds | None = None
    flag_file: Path | None = None
    query: str | None = None
    http: HttpUrl | None = None
    http_timeout_s: Seconds = 1
    nice_ratio: Ratio = 0  # pause per second of work
    busy_nice_ratio: Ratio = 15  # while others use the source: pause per second of its time
    stream: bool = False  # the streamer yields, too
    check_s: Seconds = 1


class Timeouts(_Strict):
    """Time-outs of sessions. `idle_s` frees the locks of a worker that stalls in a transaction."""

    connect_s: Seconds = 5
    idle_s: Count = 30
    read_s: Count = 120
    lock_wait_s: Count = 10
    lease_s: Seconds = 10


class Settings(BaseSettings):
    """The configuration."""

    model_config = SettingsConfigDict(
        env_prefix="TRANSHIP_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    servers: dict[str, Server] = {}
    broker: Broker = Broker()
    workers: Workers = Workers()
    row_copy: Copy = Copy()
    stream: Stream = Stream()
    checksum: Checksum = Checksum()
    cut_over: CutOver = CutOver()
    hooks: Hooks = Hooks()
    throttle: Throttle = Throttle()
    timeouts: Timeouts = Timeouts()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = settings_cls.model_config.get("toml_file")
        toml = (TomlSource(settings_cls, toml_file=path),) if path else ()
        return (init_settings, env_settings, *toml)
