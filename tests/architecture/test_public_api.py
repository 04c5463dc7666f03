"""What users can import, frozen: a change shows in the diff of a golden file."""

import inspect
import os
import re
from pathlib import Path

import mentra_actors
import projections
from mentra_actors import testing

GOLDEN = Path(__file__).parents[1] / "golden" / "public_api.txt"
DOCS = Path(__file__).parents[2]


def signature(value: object) -> str:
    """Names of the parameters and which have defaults: what callers write."""
    try:
        parameters = inspect.signature(value).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    marks = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    written = []
    for one in parameters:
        is_first_keyword = one.kind is one.KEYWORD_ONLY and "*" not in written
        written += ["*"] if is_first_keyword else []
        has_default = one.default is not one.empty
        written.append(f"{marks.get(one.kind, '')}{one.name}{'=…' if has_default else ''}")
    return f"({', '.join(written)})"


def described() -> str:
    lines = []
    for module in (mentra_actors, projections, testing):
        for name in sorted(module.__all__):
            value = getattr(module, name)
            lines.append(f"{module.__name__}.{name}{signature(value)}")
            if inspect.isclass(value):
                methods = [n for n in vars(value) if not n.startswith("_")]
                lines += [
                    f"    .{n}{signature(vars(value)[n])}"
                    for n in sorted(methods)
                    if callable(vars(value)[n])
                ]
    return "\n".join(lines) + "\n"


def test_the_public_names_are_the_golden_ones():
    """Nobody's import breaks by accident. MENTRA_ACCEPT_GOLDEN=1 rewrites the file."""
    if os.environ.get("MENTRA_ACCEPT_GOLDEN"):
        GOLDEN.write_text(described())

    assert described() == GOLDEN.read_text()


def test_every_public_name_is_mentioned_in_the_docs():
    """A name that no document mentions does not exist for its users."""
    text = (DOCS / "README.md").read_text()
    text += "".join(path.read_text() for path in (DOCS / "docs").glob("*.md"))

    assert [name for name in mentra_actors.__all__ if name not in text] == []


def test_every_name_of_the_test_kit_is_in_its_reference():
    """As a word of code, since some of them are words of plain English, too."""
    text = (DOCS / "docs" / "testing.md").read_text()
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", text))))

    assert [name for name in testing.__all__ if name not in words] == []
