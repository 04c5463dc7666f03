"""Modules that are imported when something of them is first asked for.

What not every program needs (a client for HTTP, a reader of YAML, the tools for files) is named at
the top of a file all the same, once for those who check types and once for those who run it:

    if TYPE_CHECKING:
        import httpx
    else:
        httpx = LateModule("httpx")
"""

import importlib
from typing import Any

__all__ = ["LateModule"]


class LateModule:
    """Stands for a module; any thread may ask it for a name. Classes cannot inherit from it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        """What the module has under this name.

        Raises:
            ImportError: the module is not there.
            AttributeError: it has no such name.
        """
        return getattr(importlib.import_module(self._name), name)

    def __repr__(self) -> str:
        return f"LateModule({self._name!r})"
