"""What the documents promise is there: tests, errors, links."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from mentra_actors import errors
from mentra_actors.cli.command_list import COMMAND_GROUPS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUARANTEES = (DOCS / "guarantees.md").read_text()
NAMED_TESTS = sorted(set(re.findall(r"`(tests/\S+?::\S+?)`", GUARANTEES)))
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")
CAUGHT_WITHIN = {"CommitInterrupted", "RowsClash", "ChangeFailed"}
"""Errors that one module of a store tells another."""
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("examples/*.md"))]


@pytest.mark.parametrize("test", NAMED_TESTS)
def test_each_test_of_a_guarantee_exists(test):
    """A guarantee whose test was renamed away is a wish."""
    path, _, function = test.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert function in {getattr(node, "name", "") for node in ast.walk(tree)}


def test_every_guarantee_names_what_shows_it():
    """Twelve of them, each with a test or a benchmark."""
    rows = [line for line in GUARANTEES.splitlines() if "| `" in line]
    assert len(rows) == 12


def test_every_error_is_in_the_handbook():
    """Who meets an error finds what is safe and what to do."""
    rows = set(re.findall(r"^\| `(\w+)` \|", (DOCS / "failures.md").read_text(), re.MULTILINE))
    above = {"MentraError", "StoreError", "ActorError", "EffectError"}
    assert rows == _classes_below({"MentraError"}) - above - CAUGHT_WITHIN
    assert set(errors.__all__) <= rows | above


def _classes_below(names: set[str]) -> set[str]:
    """The classes of these names in both packages, and all that inherit from them."""
    bases: dict[str, set[str]] = defaultdict(set)
    for package in ("mentra_actors", "projections"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef):  # an event may be called as an error is
                    bases[node.name] |= {ast.unparse(one).rpartition(".")[2] for one in node.bases}
    found = set(names)
    while more := {name for name in bases if name not in found and bases[name] & found}:
        found |= more
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_leads_nowhere(page):
    """Among the files of the project; other sites are not asked."""
    targets = LINK.findall(page.read_text())
    assert [one for one in targets if not (page.parent / one).exists()] == []


def test_every_command_is_in_the_list_of_commands():
    """In the groups and the order of the help, with the words that its own help begins with."""
    text = (DOCS / "commands.md").read_text()
    listed = re.findall(r"^(?:## .+|\| `mentra .+)$", text, re.MULTILINE)
    expected = []
    for title, group in COMMAND_GROUPS.items():
        expected.append(f"## {title}")
        expected += [f"| `mentra {name}` | {one.summary} |" for name, one in group.items()]
    assert listed == expected


def test_the_readme_can_be_read_in_one_go():
    """What is longer has a page of its own."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_every_place_that_is_named_is_there():
    """A folder that was moved would send readers astray."""
    named = re.compile(r"`((?:mentra_actors|projections|tests|benchmarks)/[\w/.]*)`")
    places = {(page, place) for page in PAGES for place in named.findall(page.read_text())}
    current = [one for one in places if one[0].parent.name != "adr"]
    assert [
        f"{page.name}: {place}" for page, place in current if not (ROOT / place).exists()
    ] == []
