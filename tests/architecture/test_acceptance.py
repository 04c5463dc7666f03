"""The acceptance list names tests that exist."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ACCEPTANCE = tomllib.loads((ROOT / "tests" / "acceptance.toml").read_text())


@pytest.mark.parametrize("name", sorted(ACCEPTANCE))
def test_each_ticked_behaviour_has_its_tests(name: str):
    """A tick without a test is a wish."""
    entry = ACCEPTANCE[name]

    assert entry["statement"].strip()
    assert ("tests" in entry) != ("refused" in entry)
    for test in entry.get("tests", []):
        path, _, function = test.partition("::")
        tree = ast.parse((ROOT / path).read_text())
        names = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert function.rpartition("::")[2] in names, test
