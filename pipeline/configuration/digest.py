"""A digest of the configuration: it tells a worker that was started with an older one.

It is over what makes all processes act alike. Not part of it: what may differ from machine to
machine (the section [workers], and where a password comes from), and every secret, since workers
send the digest over the broker.
"""

from __future__ import annotations

import hashlib
from typing import Any

from pipeline.configuration.settings import Settings

_OF_A_MACHINE: Any = {
    "workers": True,
    "servers": {"__all__": {"password", "password_file", "password_env"}},
}


def configuration_digest(settings: Settings) -> str:
    """Twelve hexadecimal digits; the same for the same configuration."""
    text = settings.model_dump_json(exclude=_OF_A_MACHINE)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
