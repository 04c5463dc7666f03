"""Tripwires for the shape of the code; a breach asks for a cure or a one-line licence."""

import ast
import functools
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("mentra_actors/**/*.py"), *ROOT.glob("projections/**/*.py")])
LICENCES = tomllib.loads((Path(__file__).parent / "licences.toml").read_text())

MAX_FILE_LINES = 400
MAX_FUNCTION_CODE_LINES = 30
VAGUE = (
    "Manager",
    "Helper",
    "Util",
    "Utils",
    "Impl",
    "Base",
    "Data",
    "Info",
    "Mixin",
    "Processor",
)
VAGUE_MODULES = {"utils", "util", "helpers", "helper", "common", "misc", "base"}


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, text: list[str]) -> int:
    """Lines of a function without blank lines, comments and its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    if not body:
        return 1
    lines = text[body[0].lineno - 1 : node.end_lineno]
    return 1 + sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))


def long_functions(name: str, tree: ast.Module, text: list[str]) -> dict[str, int]:
    """The longest of each name, where it is too long."""
    functions = [
        (f"{name}:{node.name}", code_lines(node, text))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return dict(sorted(one for one in functions if one[1] > MAX_FUNCTION_CODE_LINES))


def silent_parts(name: str, tree: ast.Module) -> list[str]:
    """Public things of a module that have no docstring."""
    silent = [] if ast.get_docstring(tree) else [name]
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            is_overload = any("overload" in ast.unparse(d) for d in node.decorator_list)
            public = not node.name.startswith("_") and not is_overload
            if public and not ast.get_docstring(node):
                silent.append(f"{name}:{node.name}")
    return silent


def vague_classes(name: str, tree: ast.Module) -> list[str]:
    return [
        f"{name}:{node.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE)
    ]


class Breaches(NamedTuple):
    """What is found in all files; each is parsed once."""

    long: dict[str, int]
    silent: list[str]
    vague: list[str]


@functools.cache
def breaches() -> Breaches:
    found = Breaches({}, [], [])
    for path in SOURCES:
        name, code = place(path), path.read_text()
        tree = ast.parse(code)
        found.long.update(long_functions(name, tree, code.splitlines()))
        found.silent.extend(silent_parts(name, tree))
        found.vague.extend(vague_classes(name, tree))
    return found


def test_no_file_is_longer_than_a_reader_wants():
    """A long file holds two subjects; the next developer should find room by folder names."""
    licensed = LICENCES["file_lines"]
    lines = {place(path): len(path.read_text().splitlines()) for path in SOURCES}

    assert {name: n for name, n in lines.items() if n > licensed.get(name, MAX_FILE_LINES)} == {}


def test_functions_do_one_level_of_work():
    """The tail of long functions is what divides good code from the rest."""
    long = breaches().long

    assert {name: n for name, n in long.items() if name not in LICENCES["function_lines"]} == {}


def test_public_things_have_docstrings():
    """What can be called from outside says what it is."""
    assert breaches().silent == []


def test_no_name_says_nothing():
    """A `utils.py` or a `FooManager` has no reason to be opened."""
    modules = [place(path) for path in SOURCES if path.stem in VAGUE_MODULES]

    assert modules + breaches().vague == []


def test_no_stub_is_called_done():
    """Unfinished code must not look finished."""
    marks = ("NotImplementedError", "TODO", "FIXME", "XXX")
    found = [
        f"{place(path)}: {mark}" for path in SOURCES for mark in marks if mark in path.read_text()
    ]

    assert found == []
