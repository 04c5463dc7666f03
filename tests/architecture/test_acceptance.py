"""The acceptance list names tests that exist."""

import ast
import functools
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
ACCEPTANCE = tomllib.loads((ROOT / "tests" / "acceptance.toml").read_text())


@functools.cache
def functions_of(path: str) -> set[str]:
    """Names of all functions of a file."""
    return {
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def is_there(test: str) -> bool:
    path, _, function = test.partition("::")
    return function.rpartition("::")[2] in functions_of(path)


def test_each_ticked_behaviour_has_its_tests():
    """A tick without a test is a wish."""
    missing = {
        name: [test for test in entry.get("tests", []) if not is_there(test)]
        for name, entry in ACCEPTANCE.items()
    }

    assert {name: tests for name, tests in missing.items() if tests} == {}


def test_each_behaviour_says_what_holds_and_is_either_shown_or_refused():
    unclear = [
        name
        for name, entry in ACCEPTANCE.items()
        if not entry["statement"].strip() or ("tests" in entry) == ("refused" in entry)
    ]

    assert unclear == []
