"""The files whose shape is measured, each read and parsed once."""

import ast
import contextlib
import functools
import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("mentra_actors", "projections")
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
COMPOUND = {
    kind: [name for name in BLOCKS if name in kind._fields]
    for kind in [*ast.stmt.__subclasses__(), ast.ExceptHandler, ast.match_case]
}


class Source(NamedTuple):
    """A file with its tree."""

    place: str
    lines: list[str]
    tree: ast.Module

    @property
    def module(self) -> str:
        """Its name as an import would write it."""
        return self.place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def is_package(self) -> bool:
        return self.place.endswith("/__init__.py")


def product() -> list[Path]:
    """The files that are shipped."""
    return sorted(one for package in PACKAGES for one in (ROOT / package).rglob("*.py"))


def tests() -> list[Path]:
    """The files that test them."""
    return sorted((ROOT / "tests").rglob("*.py"))


def sources(paths: Sequence[Path]) -> Iterator[Source]:
    """One after the other, so that one tree at a time is in memory."""
    with _no_collections():
        for path in paths:
            code = path.read_text()
            place = path.relative_to(ROOT).as_posix()
            yield Source(place, code.splitlines(), ast.parse(code))


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """A tree has no cycles; looking for them takes longer than parsing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def statements(block: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """All statements in it at any depth, and the handlers and cases between them."""
    for node in block:
        yield node
        for inner in blocks_of(node):
            yield from statements(inner)


def blocks_of(node: ast.AST) -> list[list[ast.AST]]:
    """The blocks of a statement: what it does, does otherwise, does in the end."""
    return [getattr(node, name) for name in COMPOUND[type(node)]]


def is_text(node: ast.AST) -> bool:
    """A docstring, of whatever."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def code_lines(source: Source) -> list[str]:
    """Without blank lines, comments, docstrings and imports; white space at the ends is gone."""
    silent: set[int] = set()
    for node in statements(source.tree.body):
        if is_text(node) or isinstance(node, ast.Import | ast.ImportFrom):
            silent.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    stripped = (line.strip() for n, line in enumerate(source.lines, 1) if n not in silent)
    return [line for line in stripped if line and not line.startswith("#")]


@functools.cache
def project_modules() -> frozenset[str]:
    """The names of all modules that are shipped."""
    return frozenset(
        path.relative_to(ROOT)
        .as_posix()
        .removesuffix(".py")
        .removesuffix("/__init__")
        .replace("/", ".")
        for path in product()
    )
