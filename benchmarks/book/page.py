"""RESULTS.md: made of the results, the remarks and the plots alone."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.book.results import PLOTS, Result, remark_of, stored_results
from benchmarks.book.tables import figure_tables, goal_table
from benchmarks.programs import PROGRAMS

__all__ = ["page"]

HEAD = """# Results

Made by `make bench` of the files in `results/`, `remarks/` and `plots/`; do not edit it.
Read the ratios, not the constants: the sides of a comparison are run in turn and medians are
taken, but the machine did other work as well. *Quartiles* are those of the rounds, with their
number; in tables of all figures they stand in brackets. *Quick* runs have fewer rounds and
smaller sizes. How to read each program:
[README.md](README.md)."""


def page() -> str:
    """The whole page of what is stored."""
    results = stored_results()
    sections = [
        section(one, remark_of(one.program), has_plot=(PLOTS / f"{one.program}.svg").exists())
        for one in results
    ]
    return "\n\n".join([HEAD, "\n".join(summary(results)), *sections]) + "\n"


def summary(results: Iterable[Result]) -> list[str]:
    """One line a program; those that were not run are named."""
    known = {one.program: one for one in results}
    lines = [
        "| program | question | held | missed | run | date | machine |",
        "|---|---|---:|---:|---|---|---|",
    ]
    for name, question in PROGRAMS.items():
        if name not in known:
            lines.append(f"| `{name}` | {question} | | | not yet | | |")
            continue
        one = known[name]
        counts = f"{len(one.held())} | {_missed(one)}"
        run = f"{one.mode} | {one.date} | {one.machine['cpu']}, {one.machine['cores']} cores"
        lines.append(f"| [`{name}`](#{name}) | {question} | {counts} | {run} |")
    return lines


def _missed(result: Result) -> str:
    count = len(result.missed())
    return f"**{count}**" if count else "0"


def section(result: Result, remark: str, *, has_plot: bool) -> str:
    """The plot, the remark, the goals, and all figures folded away."""
    parts = [f'<a id="{result.program}"></a>\n## {result.title}', _origin(result)]
    if has_plot:
        parts.append(f"![{result.title}](plots/{result.program}.svg)")
    if remark:
        parts.append(remark)
    if goals := goal_table(result.goals):
        parts.append("\n".join(goals))
    figures = "\n".join(figure_tables(result.goals)).strip()
    parts.append(
        f"<details><summary>All {len(result.goals)} figures</summary>\n\n{figures}\n\n</details>"
    )
    return "\n\n".join(parts)


def _origin(result: Result) -> str:
    """Where, when and with what; one line each."""
    took = f", {result.seconds / 60:.0f} minutes" if result.seconds >= 60 else ""
    commit = f" at `{result.commit}`" if result.commit else ""
    lines = [
        f"`benchmarks/{result.program}.py`, {result.mode} run of {result.date}{commit}{took}; "
        + _words(result.machine)
        + ".",
        f"With {_words(result.versions)}.",
    ]
    if result.peers:
        lines.append(f"Beside {_words(result.peers)}.")
    return "  \n".join(lines)


def _words(named: Mapping[str, str]) -> str:
    pairs: Sequence[str] = [f"{key} {value}" for key, value in named.items()]
    return ", ".join(pairs)
