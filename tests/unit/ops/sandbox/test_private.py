"""What the sandbox writes a password into is nobody else's to read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.dev.sandbox.private import write_private


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("before", [None, 0o644])
def test_a_file_with_a_password_is_its_owners_alone(tmp_path: Path, before: int | None) -> None:
    path = tmp_path / "tranship.toml"
    if before is not None:
        path.touch()
        path.chmod(before)
    write_private(path, "text")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "text"
