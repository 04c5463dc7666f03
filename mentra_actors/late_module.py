"""Modules and names that are imported when they are first asked for.

What not every program needs (a client for HTTP, a reader of YAML, the tools for files) is named at
the top of a file all the same, once for those who check types and once for those who run it:

    if TYPE_CHECKING:
        import httpx
    else:
        httpx = LateModule("httpx")
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["LateModule", "late_names"]


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


def late_names(
    package: str, names_of: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package whose public names are in other modules.

    `names_of` has the names of each module, with spaces between. The package imports them for
    those who check types, and lists them in `__all__`.
    """
    module_of = {name: module for module, names in names_of.items() for name in names.split()}

    def found(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(module_of[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *module_of})

    return found, names
