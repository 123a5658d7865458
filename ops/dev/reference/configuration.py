"""Every setting: its default from the model, its meaning from the example's comments."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from ops.dev.reference.markdown import head, table
from pipeline.configuration.settings import Server, Settings, Tls

_EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "tranship.toml"
_LINE = re.compile(r"^(?:# )?(\w+) = [^#]*(?:#\s*(.*))?$")


def page() -> str:
    """docs/reference/configuration.md."""
    parts = [
        head("Configuration", "pipeline/configuration/settings.py and the example", _INTRODUCTION)
    ]
    comments = _comments()
    parts += [
        f"## [servers.NAME]\n\n{_about(Server)}\n\n{_fields(Server, comments, 'servers.NAME')}",
        f"## [servers.NAME.tls]\n\n{_about(Tls)}\n\n{_fields(Tls, comments, 'servers.NAME.tls')}",
    ]
    for name, field in Settings.model_fields.items():
        if name != "servers":
            section: type[BaseModel] = field.annotation  # type: ignore[assignment]
            parts.append(f"## [{name}]\n\n{_about(section)}\n\n{_fields(section, comments, name)}")
    return "\n".join(parts)


def _about(section: type[BaseModel]) -> str:
    return " ".join((section.__doc__ or "").split())


def _fields(section: type[BaseModel], comments: dict[tuple[str, str], str], name: str) -> str:
    rows = []
    for field, info in section.model_fields.items():
        default = "required" if info.is_required() else _shown(info.default)
        rows.append((f"`{field}`", default, comments.get((name, field), "")))
    return table(("setting", "default", ""), rows)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, BaseModel):
        return ""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _comments() -> dict[tuple[str, str], str]:
    """(section, setting) to the comment on its line."""
    found: dict[tuple[str, str], str] = {}
    section = ""
    for line in _EXAMPLE.read_text().splitlines():
        if line.startswith("["):
            section = re.sub(r"^servers\.[\w-]+", "servers.NAME", line.strip("[]"))
        elif (match := _LINE.match(line)) and match[2]:
            found.setdefault((section, match[1]), match[2].strip())
    return found


_INTRODUCTION = """
It is one TOML file: `--config`, or `$TRANSHIP_CONFIG`, or `./tranship.toml`, or
`/etc/tranship/tranship.toml`. The environment may overlay any setting:
`TRANSHIP_ROW_COPY__WINDOW=32`. Unknown names are refused. So is a file with a password, this one or
a `password_file`, that others than its owner can read (`chmod 600`); one that root owns may also be
read by its group. Times are in seconds (`_s`), sizes in bytes. All settings as a file:
`ops/examples/tranship.toml`.
"""
