"""What people type: `from tranship import Tranship` in Python, `celery -A tranship` in a shell.

A name is imported from its module when it is first used (PEP 562), so that `import tranship` costs
nothing and needs no configuration. To offer another name, add it to all three: the imports for
type checkers, `__all__` and `_HOMES`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.api import Tranship
    from pipeline.domain.hook_names import Hook
    from pipeline.domain.request import AlterRequest, MoveRequest
    from pipeline.domain.stages import Stage
    from pipeline.domain.window import Window
    from pipeline.errors import RefusedError, RetryableError, TranshipError
    from pipeline.mysql.table import TableName

__all__ = [
    "AlterRequest", "Hook", "MoveRequest", "RefusedError", "RetryableError", "Stage", "TableName",
    "Tranship", "TranshipError", "Window",
]  # fmt: skip

_HOMES = {
    "AlterRequest": "pipeline.domain.request",
    "Hook": "pipeline.domain.hook_names",
    "MoveRequest": "pipeline.domain.request",
    "RefusedError": "pipeline.errors",
    "RetryableError": "pipeline.errors",
    "Stage": "pipeline.domain.stages",
    "TableName": "pipeline.mysql.table",
    "Tranship": "ops.api",
    "TranshipError": "pipeline.errors",
    "Window": "pipeline.domain.window",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
