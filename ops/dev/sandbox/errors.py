"""The sandbox's error: one line, with a remedy."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox can't do what was asked."""
