"""The demonstration's on-success hook: tells the application where to write from now on."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """`hook.py FILE`: put the target's name into FILE, atomically."""
    path = Path(sys.argv[1])
    fresh = path.with_suffix(".new")
    fresh.write_text(os.environ["TRANSHIP_TARGET"])
    fresh.rename(path)


if __name__ == "__main__":
    main()
