"""What people type: `from tranship import Tranship` in Python, `celery -A tranship` in a shell.

A name is fetched from where it lives when it is first asked for (PEP 562), so that `import
tranship` costs nothing and needs no configuration. To offer another name, put it into all three:
the imports for type checkers, `__all__` and `_HOMES`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.api import Tranship

__all__ = ["Tranship"]

_HOMES = {
    "Tranship": "ops.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
