"""What processes with the same configuration have in common, without showing any of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pipeline.configuration.settings import Settings

_LENGTH = 12
# What may well differ from machine to machine: how many processes, how they log, and where a
# machine has its passwords from.
_OF_ONE_MACHINE: Any = {
    "workers": True,
    "servers": {"__all__": {"password", "password_file", "password_env"}},
}


def settings_digest(settings: Settings) -> str:
    """Tell two configurations apart, whether they come from files or from the environment.

    Passwords and the broker's URL are no part of it: whoever sees the digest could try them out.
    """
    # Secrets are dumped as asterisks.
    told = settings.model_dump(mode="json", exclude=_OF_ONE_MACHINE)
    text = json.dumps(told, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
