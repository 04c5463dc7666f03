"""The examples of the README and the docs run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _programs(page: Path) -> list[str]:
    """The blocks of a page; those of a page of the tutorial go on from each other."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    return ["\n".join(blocks)] if page.parent.name == "tutorial" and blocks else blocks


EXAMPLES = [
    pytest.param(page, code, id=f"{page.name}-{number}")
    for page in PAGES
    for number, code in enumerate(_programs(page))
]


@pytest.mark.parametrize(("page", "code"), EXAMPLES)
def test_the_example_runs(page: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A document that shows code which does not run costs a newcomer's first hour."""
    (tmp_path / "README.md").write_text("one two three\n")
    monkeypatch.chdir(tmp_path)

    try:
        exec(compile(code, str(page), "exec"), {"__name__": "__main__"})
    except ImportError as error:
        if page.name != "adapters.md":
            raise
        pytest.skip(f"{error}: the frameworks of the adapters are not installed (make adapters)")
