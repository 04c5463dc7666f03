"""What is measured of the tests, and of the history: mocks, laws, commits."""

import ast
import re
import statistics
import subprocess
from typing import NamedTuple

from source_files import PACKAGES, ROOT, sources, statements, tests

MOCK = re.compile(r"\bmock\.|\bmocker\b|\b(Magic|Async)?Mock\(|\bpatch\(")
COMMITS = 500


class TestShape(NamedTuple):
    """Counts of test functions."""

    tests: int
    laws: int
    with_mocks: int


class CommitShape(NamedTuple):
    """The last commits that changed code."""

    commits: int
    median_files: float
    with_tests_percent: float


def shape_of_tests() -> TestShape:
    """Of all test functions; a state machine of hypothesis counts as one law."""
    count = laws = mocks = 0
    for source in sources(tests()):
        for node in statements(source.tree.body):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if node.name.startswith("test_"):
                    count += 1
                    laws += _is_law(node)
                    mocks += bool(MOCK.search("\n".join(_lines(source.lines, node))))
            elif isinstance(node, ast.Assign) and ast.unparse(node.value).endswith(".TestCase"):
                count += 1
                laws += 1
    return TestShape(count, laws, mocks)


def _is_law(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(one).startswith(("given(", "forall(")) for one in node.decorator_list)


def _lines(lines: list[str], node: ast.stmt) -> list[str]:
    return lines[node.lineno - 1 : node.end_lineno]


def shape_of_commits() -> CommitShape | None:
    """None outside of a repository. Merges are not counted."""
    command = ["git", "log", f"-{COMMITS}", "--no-merges", "--name-only", "--format=%x00"]
    command += ["--", *PACKAGES, "tests"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    groups = [one.split() for one in run.stdout.split("\0")[1:]]
    coded = [files for files in groups if any(name.startswith(PACKAGES) for name in files)]
    if not coded:
        return None
    product = [sum(1 for name in files if name.startswith(PACKAGES)) for files in coded]
    tested = sum(1 for files in coded if any(name.startswith("tests/") for name in files))
    return CommitShape(len(coded), statistics.median(product), 100 * tested / len(coded))
