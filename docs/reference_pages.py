"""Writes `docs/reference/*.md`: a page per group of public names, made anew for each build."""

from collections.abc import Callable, Mapping
from pathlib import Path

import mentra_actors
import projections

__all__ = ["reference_pages", "write_reference"]

_GROUPS: Mapping[str, tuple[str, str]] = {
    "mentra_actors.runtime.history": ("history", "The past"),
    "mentra_actors.runtime": ("runtime", "Runtime, agents, sessions"),
    "mentra_actors.actors": ("runtime", "Runtime, agents, sessions"),
    "mentra_actors.effects": ("runs", "Agents and runs: options and views"),
    "mentra_actors.domain": ("runs", "Agents and runs: options and views"),
    "mentra_actors.providers": ("providers", "Providers and models"),
    "mentra_actors.tools": ("tools", "Tools"),
    "mentra_actors.store": ("store", "Stores and keys"),
    "mentra_actors.errors": ("errors", "Errors"),
    "mentra_actors": ("others", "Others"),
}
"""By the beginning of a module's name: the file of its page, and the heading. Longest first."""


def reference_pages() -> dict[str, str]:
    """Pages by file name, with every name in `__all__` of the two packages on exactly one."""
    names: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    for module, public in mentra_actors._NAMES_OF.items():  # noqa: SLF001 - its only list
        page, title = _group_of(module)
        titles[page] = title
        names.setdefault(page, []).extend(f"mentra_actors.{one}" for one in public.split())
    titles["projections"] = "Projections and views"
    names["projections"] = [f"projections.{one}" for one in projections.__all__]
    return {page: _page(titles[page], found) for page, found in sorted(names.items())}


def write_reference(directory: Path) -> None:
    """Write the pages that have changed, and remove those that are no more."""
    pages = {f"{name}.md": text for name, text in reference_pages().items()}
    directory.mkdir(exist_ok=True)
    for old in directory.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        path = directory / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def _group_of(module: str) -> tuple[str, str]:
    return next(group for start, group in _GROUPS.items() if module.startswith(start))


def _page(title: str, names: list[str]) -> str:
    words = [f".. {_directive(name)}:: {name}" for name in sorted(names)]
    directives = [f"```{{eval-rst}}\n{one}\n```" for one in words]
    return "\n\n".join([f"# {title}", *directives]) + "\n"


def _directive(name: str) -> str:
    package, _, public = name.rpartition(".")
    value = getattr({"mentra_actors": mentra_actors, "projections": projections}[package], public)
    if isinstance(value, type):
        return "autoexception" if issubclass(value, Exception) else "autoclass"
    is_function: Callable[[object], bool] = callable
    return "autofunction" if is_function(value) and hasattr(value, "__name__") else "autodata"
