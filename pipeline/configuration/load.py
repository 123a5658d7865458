"""Reads the configuration; every mistake in it becomes one clear line."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict, SettingsError

from pipeline.configuration.path import config_path, no_such_file
from pipeline.configuration.privacy import refuse_open_files
from pipeline.configuration.settings import Server, Settings
from pipeline.errors import RefusedError

_PREFIX = str(Settings.model_config["env_prefix"])


def load_settings(given: Path | None = None) -> Settings:
    """Read and check the configuration.

    Raises:
        RefusedError: no such file, not TOML, an unknown key, a wrong value; a file with a password
            that others can read.
    """
    path = config_path(given)
    raw = _read(path)
    _check_variables()
    settings = _settings(path)
    refuse_open_files(path, raw, settings)
    return settings


def _settings(path: Path) -> Settings:
    """The file, overlaid by the environment."""

    class FromFile(Settings):
        model_config = SettingsConfigDict(**{**Settings.model_config, "toml_file": path})

    try:
        return FromFile()
    except ValidationError as error:
        first, mistake = _first_mistake(error)
        variable = _variable_of(first)
        where = f"{path}, overlaid by {variable}" if variable else str(path)
        raise RefusedError(f"{where}: {mistake}") from None
    except SettingsError as error:
        # Its text names only the section; the value may hold a password.
        raise RefusedError(
            f"The environment variables that overlay {path}: {error}.",
            "Give single values, as in TRANSHIP_BROKER__URL, or valid JSON.",
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise no_such_file(path) from None
    except OSError as error:
        raise RefusedError(
            f"{path} can't be read: {error.strerror}.", "Check its owner and its mode."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise RefusedError(f"{path} is not TOML: {error}.", "Correct that line.") from None
    except UnicodeDecodeError as error:
        raise RefusedError(
            f"{path} is not UTF-8 at byte {error.start}.", "Save it as UTF-8."
        ) from None


def _check_variables() -> None:
    """Refuse a misspelt section in a variable's name, like one in the file."""
    for name in os.environ:
        section, delimiter, _ = name.upper().removeprefix(_PREFIX).partition("__")
        known = section.lower() in Settings.model_fields
        if name.upper().startswith(_PREFIX) and delimiter and not known:
            raise RefusedError(f"{name}: unknown section.", "Unset it or correct its spelling.")


def _variable_of(where: tuple[int | str, ...]) -> str | None:
    """The environment variable that the value at `where` comes from, if it is from one."""
    wanted = _PREFIX + "__".join(str(part) for part in where).upper()
    return next((name for name in os.environ if name.upper() == wanted), None)


def _first_mistake(error: ValidationError) -> tuple[tuple[int | str, ...], str]:
    # include_input off: an input may be a password.
    mistakes = error.errors(include_input=False, include_url=False, include_context=False)
    first = mistakes[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return first["loc"], f"unknown key '{where}'. Remove it or correct its spelling."
    if first["type"] == "missing":
        return first["loc"], f"'{where}' is missing. Add it."
    return first["loc"], f"'{where}': {first['msg']}."


def server_settings(settings: Settings, name: str) -> Server:
    """The server called `name`.

    Raises:
        RefusedError: the configuration has no server of that name.
    """
    try:
        return settings.servers[name]
    except KeyError:
        known = ", ".join(sorted(settings.servers)) or "none"
        raise RefusedError(
            f"No server is called '{name}' in the configuration (known: {known}).",
            f"Add a section [servers.{name}].",
        ) from None


def server_password(server: Server) -> str:
    """The password, read at the last moment so that no settings object carries it around.

    Raises:
        RefusedError: the file or the variable that should hold it is not there.
    """
    if server.password is not None:
        return server.password.get_secret_value()
    if server.password_env is not None:
        return _from_environment(server.password_env)
    if server.password_file is not None:
        return _from_file(server.password_file)
    return ""


def _from_environment(name: str) -> str:
    if name not in os.environ:
        raise RefusedError(f"The environment variable {name} (password_env) is not set.", "Set it.")
    return os.environ[name]


def _from_file(path: Path) -> str:
    try:
        return path.read_text().rstrip("\n")
    except OSError as error:
        raise RefusedError(
            f"password_file {path} can't be read: {error.strerror}.",
            "Check the path, its owner and its mode.",
        ) from None
    except UnicodeDecodeError:
        raise RefusedError(f"password_file {path} is not UTF-8.", "Save it as UTF-8.") from None
