"""Settings of one test's own."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.mysql.pools import Pools


def changed(monkeypatch: pytest.MonkeyPatch, pools: Pools, **sections: dict[str, Any]) -> None:
    """Change settings of `pools` for the length of a test: `checksum={"resend_s": 0.4}`."""
    update = {
        name: getattr(pools.settings, name).model_copy(update=values)
        for name, values in sections.items()
    }
    monkeypatch.setattr(pools, "settings", pools.settings.model_copy(update=update))
