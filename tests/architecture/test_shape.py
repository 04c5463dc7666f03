"""Tripwires for the shape of the code; a breach asks for a cure or a one-line licence."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, text: list[str]) -> int:
    """Lines of a function without blank lines, comments and its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    if not body:
        return 1
    lines = text[body[0].lineno - 1 : node.end_lineno]
    return 1 + sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_no_file_is_longer_than_a_reader_wants(path: Path):
    """A long file holds two subjects; the next developer should find room by folder names."""
    lines = len(path.read_text().splitlines())

    assert lines <= LICENCES["file_lines"].get(place(path), MAX_FILE_LINES)


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_functions_do_one_level_of_work(path: Path):
    """The tail of long functions is what divides good code from the rest."""
    text = path.read_text().splitlines()
    long = {
        f"{place(path)}:{node.name}": code_lines(node, text)
        for node in functions(path)
        if code_lines(node, text) > MAX_FUNCTION_CODE_LINES
    }

    assert {name: n for name, n in long.items() if name not in LICENCES["function_lines"]} == {}


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_public_things_have_docstrings(path: Path):
    """What can be called from outside says what it is."""
    tree = ast.parse(path.read_text())
    silent = [] if ast.get_docstring(tree) else ["the module"]
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            is_overload = any("overload" in ast.unparse(d) for d in node.decorator_list)
            public = not node.name.startswith("_") and not is_overload
            if public and not ast.get_docstring(node):
                silent.append(node.name)

    assert silent == []


def test_no_name_says_nothing():
    """A `utils.py` or a `FooManager` has no reason to be opened."""
    modules = [place(path) for path in SOURCES if path.stem in VAGUE_MODULES]
    classes = [
        f"{place(path)}:{node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE)
    ]

    assert modules + classes == []


def test_no_stub_is_called_done():
    """Unfinished code must not look finished."""
    marks = ("NotImplementedError", "TODO", "FIXME", "XXX")
    found = [
        f"{place(path)}: {mark}" for path in SOURCES for mark in marks if mark in path.read_text()
    ]

    assert found == []
