"""python -m ops.dev.reference: writes docs/reference, and the picture in docs/architecture.md.

`make docs` calls it; a test compares.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ops.dev.reference import (
    api,
    command_line,
    configuration,
    control_schema,
    hooks,
    house,
    messages,
    metrics,
    status,
)

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "command-line.md": command_line.page,
    "configuration.md": configuration.page,
    "hooks.md": hooks.page,
    "metrics.md": metrics.page,
    "status-json.md": status.page,
    "control-schema.md": control_schema.page,
    "messages.md": messages.page,
    "python.md": api.page,
}


def main() -> None:
    """Write every page, and the picture."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())
    house.PAGE.write_text(house.redrawn(house.PAGE.read_text()))


if __name__ == "__main__":
    main()
