"""Projections by name: the built-in ones, and those of a user by `module:name`."""

import importlib
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mentra_actors.errors import CommandRejected
from projections.contract import AnyProjection
from projections.declared import missing_members
from projections.views.built_in import BUILT_IN

__all__ = ["first_sentence", "projection_named"]


def projection_named(name: str) -> AnyProjection:
    """The built-in projection of this name, or the one at `module:name` of an importable module.

    Modules are looked for in the working directory too.

    Raises:
        CommandRejected: there is none.
    """
    built_in: Mapping[str, AnyProjection] = {one.name: one for one in BUILT_IN}
    if name in built_in:
        return built_in[name]
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise CommandRejected(
            f"no view is named {name!r}; there are {', '.join(built_in)}, and your own by "
            "module:name"
        )
    found = _attribute(_module(module_name), attribute, name)
    if isinstance(found, type):
        found = _made(found, name)
    if missing := missing_members(found):
        raise CommandRejected(f"{name} is no projection: it has no {', '.join(missing)}")
    projection: AnyProjection = found
    return projection


def first_sentence(projection: AnyProjection) -> str:
    """What a projection says of itself, in one line."""
    step = getattr(projection, "step", None)
    text = (getattr(step, "__doc__", None) or type(projection).__doc__ or "").strip()
    return " ".join(text.partition("\n\n")[0].split())


def _module(name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise CommandRejected(f"there is no module {error.name!r} here or installed") from error
    except (Exception, SystemExit) as error:
        raise CommandRejected(
            f"{name} cannot be imported: {type(error).__name__}: {error}"
        ) from error


def _made(kind: type[object], name: str) -> Any:
    try:
        return kind()
    except (Exception, SystemExit) as error:
        raise CommandRejected(
            f"{name} cannot be made: {type(error).__name__}: {error}; a class is called without "
            "arguments: name an instance if yours needs some"
        ) from error


def _attribute(module: Any, attribute: str, name: str) -> Any:
    try:
        return getattr(module, attribute)
    except AttributeError:
        pass
    known = [
        one
        for one, value in vars(module).items()
        if not missing_members(value) and not inspect.isabstract(value)
    ]
    more = f"; it has {', '.join(known)}" if known else ""
    raise CommandRejected(f"{module.__name__} has no {attribute!r} for {name}{more}")
