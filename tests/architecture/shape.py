"""The shape of the code as a table, beside what others reach.

python tests/architecture/shape.py            # prints it
python tests/architecture/shape.py --accept   # and writes it into docs/shape.md
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gates import any_per_kloc, duplicated_percent, ignores_per_kloc
from licences import LICENCES
from shape_of_functions import FunctionShape
from shape_of_modules import Shape, percentile_95, shape
from shape_of_tests import shape_of_commits, shape_of_tests
from source_files import ROOT, sources

PAGE = ROOT / "docs" / "shape.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
HEAD = "| figure | limit | here | the best elsewhere | others |\n|---|---|---|---|---|"


class Row(NamedTuple):
    """A line of the table."""

    figure: str
    limit: str
    here: str
    best: str
    others: str

    def __str__(self) -> str:
        return f"| {' | '.join(self)} |"


def rows() -> Iterator[Row]:
    """Those that are held to, then those that are only told."""
    found = shape()
    yield from rows_held(found)
    yield from _told(found)
    yield from _told_of_docstrings(found)
    yield from _told_of_tests()


def rows_held(found: Shape) -> Iterator[Row]:
    """Those with a limit that the tests hold."""
    yield from _sizes(found)
    yield from _words_and_types(found)
    yield from _structure(found)


def _sizes(found: Shape) -> Iterator[Row]:
    lines = list(found.file_lines.values())
    code = [one.code_lines for one in found.functions]
    above = sum(1 for one in code if one > 50)
    parameters = [one.parameters for one in found.functions]
    licensed = sum(1 for one in parameters if one > 6)
    yield Row(
        "lines of a file, p95 / max", "max ≤ 400", _p95_max(lines),
        "import-linter 298/498 · pykka 366/397 · httpcore 506/592",
        "openai-agents 1,736/5,496 · dbos 2,437/6,603",
    )  # fmt: skip
    yield Row(
        "code lines of a function, p95 / max", "max ≤ 30", _p95_max(code),
        "pykka 23 · structlog 25 · anyio 26 (p95)", "openai-agents 58 · dbos 72 (p95)",
    )  # fmt: skip
    yield Row(
        "functions above 50 code lines", "0 %", f"{100 * above / len(code):.0f} %",
        "h11 0 · pykka 0 · anyio 1.0", "dbos 9.4 · llm 9.6",
    )  # fmt: skip
    yield Row(
        "complexity, p95 / max", "≤ 7 / 10", _p95_max([one.complexity for one in found.functions]),
        "structlog 5 · pykka 6/11 · httpcore 7/15", "pydantic-ai 13/129 · openai-agents 13/201",
    )  # fmt: skip
    yield Row(
        "nesting, p95 / max", "≤ 2 / 4", _p95_max([one.nesting for one in found.functions]),
        "pykka 2/4 · structlog 2/4 · h11 3/4", "openai-agents 3/9 · pydantic-ai 3/8",
    )  # fmt: skip
    yield Row(
        "parameters, p95 / max", "max ≤ 6",
        f"{_p95_max(parameters)}; {licensed} functions above 6, licensed",
        "pykka 3 · h11 5 · wsproto 5 (max)", "temporalio 45 · agent-framework 40 (max)",
    )  # fmt: skip


def _words_and_types(found: Shape) -> Iterator[Row]:
    public = sum(1 for one in found.functions if one.is_public)
    annotated = sum(1 for one in found.functions if one.is_annotated)
    documented = 100 * (1 - len(found.silent) / (public + len(found.classes)))
    yield Row(
        "docstrings of public modules, classes, functions and methods", "100 %",
        f"{documented:.0f} %", "structlog 90/100/87 · temporalio 72/100/98", "dbos 12/25/43",
    )  # fmt: skip
    yield Row(
        "functions with all types", "100 %", f"{100 * annotated / len(found.functions):.0f} %",
        "httpx, h11, pykka, trio, structlog 100", "llm 37 · datasette 14",
    )  # fmt: skip
    yield Row(
        "`Any` in a thousand lines of code", "≤ 5, licensed to 7", f"{any_per_kloc(found):.1f}",
        "wsproto 0.7 · trio 4.6 · httpcore 7.5", "autogen-core 68",
    )  # fmt: skip
    yield Row(
        "`type: ignore` in a thousand lines of code", "≤ 1", f"{ignores_per_kloc(found):.2f}",
        "wsproto 0 · websockets 0.5 · httpx 2.1", "agent-framework 8.5",
    )  # fmt: skip


def _structure(found: Shape) -> Iterator[Row]:
    contracts = (ROOT / "pyproject.toml").read_text().count("[[tool.importlinter.contracts]]")
    journals = len(list((ROOT / "tests/golden/journals").glob("*.jsonl")))
    yield Row(
        "import contracts · cycles · imports inside functions", "all kept · 0 · 0",
        f"{contracts} kept · {len(found.cycles)} · {len(found.deferred)}",
        "cycles 0: nine of eleven; late 0: h11, wsproto, pykka, trio",
        "late: pydantic-ai 162 · openai-agents 110",
    )  # fmt: skip
    yield Row(
        "duplicated lines (runs of ten)", "≤ 1 %", f"{duplicated_percent(found):.2f} %",
        "h11, wsproto, pykka, import-linter 0 · structlog 0.9", "httpx 19 · websockets 25",
    )  # fmt: skip
    yield Row(
        "vague names of classes and modules", "0", _vague(found),
        "httpx, httpcore, websockets 0", "pykka 2 · anyio 8.6 %",
    )  # fmt: skip
    yield Row("journals of releases that still fold", "all", f"{journals} of {journals}", "—", "—")


def _vague(found: Shape) -> str:
    licensed = sum(1 for one in LICENCES if one["rule"] == "vague_names")
    return f"{len(found.vague) - licensed}; {licensed} licensed"


def _told(found: Shape) -> Iterator[Row]:
    init = next(sources([ROOT / "mentra_actors/__init__.py"])).tree
    exported = _length_of_all(init)
    fan_out = [len(one) for one in found.imports.values()]
    late = sum(line.count("LateModule(") for lines in found.code.values() for line in lines)
    yield Row(
        "modules named at the top that are imported when first used", "told", str(late), "—", "—",
    )  # fmt: skip
    yield Row(
        "names exported from `mentra_actors`", "told", str(exported),
        "pykka 12 · h11 23 · structlog 31", "agent-framework 291",
    )  # fmt: skip
    yield Row(
        "public exception classes", "told", str(len(found.exceptions)),
        "pykka 2 · h11 3 · wsproto 4", "openai-agents 86",
    )  # fmt: skip
    yield Row(
        "modules of the project that a module imports, p95 / max", "told", _p95_max(fan_out),
        "pykka 2 · trio 3 · eventsourcing 5 (p95)", "openai-agents 18.5 (p95)",
    )  # fmt: skip


def _told_of_docstrings(found: Shape) -> Iterator[Row]:
    public = [one for one in found.functions if one.is_public]
    raising = [one for one in public if one.raises and not _is_shown_to_others(one)]
    stating = sum(1 for one in raising if one.states_errors)
    measures = [one for one in public if one.has_measure]
    clear = sum(1 for one in measures if not one.lacks_unit)
    yield Row(
        "docstrings that state errors, where a public function raises", "told",
        _share(stating, len(raising)), "websockets 58 · attrs 50 · trio 35 %",
        "openai-agents 7 · dbos 7 %",
    )  # fmt: skip
    yield Row(
        "names or docstrings that state units, where a parameter has one", "told",
        _share(clear, len(measures)), "websockets 71 · trio 61 · anyio 59 %",
        "temporalio 4 · openai-agents 11 %",
    )  # fmt: skip


def _is_shown_to_others(function: FunctionShape) -> bool:
    """Docstrings of commands are the help of users, those of tools are what models read."""
    return function.place.startswith(("mentra_actors/cli/", "mentra_actors/tools/builtin/"))


def _told_of_tests() -> Iterator[Row]:
    tests = shape_of_tests()
    commits = shape_of_commits()
    yield Row(
        "test functions that mention a mock", "told", _share(tests.with_mocks, tests.tests),
        "h11 0 · wsproto 0 · attrs 1 · anyio 2 %", "llm 41 · openai-agents 26 %",
    )  # fmt: skip
    yield Row(
        "tests that are laws", "told", _share(tests.laws, tests.tests),
        "hypothesis 31 · attrs 8.8 %", "all others 0",
    )  # fmt: skip
    if commits is not None:
        yield Row(
            f"files of the product in a commit, median of {commits.commits}", "told",
            f"{commits.median_files:g}", "httpx, h11, trio 2 · anyio 3",
            "emmett 8 · pydantic-ai 5",
        )  # fmt: skip
        yield Row(
            "commits of the product that have tests", "told",
            f"{commits.with_tests_percent:.0f} %", "anyio 76 · attrs 71 %", "—",
        )  # fmt: skip


def _length_of_all(tree: ast.Module) -> int:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return len(ast.literal_eval(node.value))
    return 0


def _p95_max(figures: Sequence[float]) -> str:
    return f"{percentile_95(figures):g} / {max(figures):g}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} % of {whole:,}"


def table() -> str:
    """All rows, as Markdown."""
    return "\n".join([HEAD, *map(str, rows())])


def written(page: str, new: str) -> str:
    """The page with another table."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def main(arguments: Sequence[str]) -> None:
    """Print the table, or write it."""
    new = table()
    print(new)
    if "--accept" in arguments:
        PAGE.write_text(written(PAGE.read_text(), new))


if __name__ == "__main__":
    main(sys.argv[1:])
