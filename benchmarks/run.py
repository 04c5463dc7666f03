"""Runs the programs of the book, and renders RESULTS.md of what they have shown.

    python -m benchmarks.run [--quick] [NAME ...]     all of them, or some
    python -m benchmarks.run --render                 only the plots and the page

A run replaces `results/NAME.json` when its program has ended: an interrupted run keeps what is
done. A program that fails is named, the others go on, and the exit status is 1.
"""

import argparse
import datetime
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.book.page import page
from benchmarks.book.plots import draw_plots
from benchmarks.book.results import RESULTS, Result, remark_of, saved, stored_results, unexplained
from benchmarks.harness import Goal
from benchmarks.programs import PROGRAMS

PAGE = Path(__file__).parent / "RESULTS.md"


def main() -> None:
    """See the module."""
    words = _words()
    chosen = words.names or list(PROGRAMS)
    if unknown := set(chosen) - set(PROGRAMS):
        sys.exit(f"there is no program {min(unknown)}; there are {', '.join(PROGRAMS)}")
    try:
        failed = [] if words.render else run_all(chosen, run_one, is_quick=words.quick)
    except KeyboardInterrupt:
        render()
        sys.exit("interrupted: what was done is kept")
    render()
    _say_misses()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; their earlier results are kept")


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run benchmarks and render RESULTS.md.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROGRAMS))
    parser.add_argument("--quick", action="store_true", help="each in about a minute")
    parser.add_argument("--render", action="store_true", help="run nothing")
    return parser.parse_args()


def render() -> None:
    """Plots first: the page shows those that are there."""
    draw_plots(stored_results())
    PAGE.write_text(page())
    print(f"written: {PAGE}", file=sys.stderr)


def run_all(
    names: Sequence[str],
    run: Callable[..., Result],
    *,
    is_quick: bool,
    folder: Path = RESULTS,
) -> list[str]:
    """Run some programs, each after the other; the names of those that failed."""
    begun, failed = time.monotonic(), []
    expected = expected_seconds(names, stored_results(folder), is_quick=is_quick)
    for number, name in enumerate(names, start=1):
        so_far = time.monotonic() - begun
        left = sum(expected[one] for one in names[number - 1 :])
        print(
            f"[{number}/{len(names)}] {name}: {so_far / 60:.0f} min so far, "
            f"about {max(left / 60, 1):.0f} min to go",
            file=sys.stderr,
        )
        try:
            saved(run(name, is_quick=is_quick), folder)
        except (subprocess.CalledProcessError, ValueError) as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            failed.append(name)
    return failed


def expected_seconds(
    names: Sequence[str], results: Sequence[Result], *, is_quick: bool
) -> Mapping[str, float]:
    """How long each will take: as long as the last time, if that run was of the same mode."""
    mode = "quick" if is_quick else "full"
    known = {one.program: one.seconds for one in results if one.mode == mode and one.seconds}
    usual = 60.0 if is_quick else 600.0
    return {name: known.get(name, usual) for name in names}


def run_one(name: str, *, is_quick: bool) -> Result:
    """One program in a process of its own.

    Raises:
        CalledProcessError: it has failed.
        ValueError: what it printed is no result.
    """
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json"]
    begun = time.monotonic()
    output = output_of([*command, "--quick"] if is_quick else command)
    head, *goals = [json.loads(line) for line in output.splitlines()]
    return Result(
        program=name,
        date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        mode="quick" if is_quick else "full",
        commit=_commit(),
        seconds=round(time.monotonic() - begun, 1),
        goals=msgspec.convert(goals, tuple[Goal, ...]),
        **head,
    )


def output_of(command: Sequence[str], *, tidying_s: float = 20.0) -> str:
    """What a program prints. When we are interrupted it has a while to remove what it has made.

    Raises:
        CalledProcessError: it has failed.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            output, _ = program.communicate()
        except KeyboardInterrupt:
            _let_end(program, tidying_s)
            raise
    if program.returncode:
        raise subprocess.CalledProcessError(program.returncode, command)
    return output


def _let_end(program: subprocess.Popen[str], within_s: float) -> None:
    """A terminal interrupts it with us; `kill -INT` of us alone does not."""
    try:
        program.wait(within_s)
    except subprocess.TimeoutExpired:
        program.kill()


def _commit() -> str:
    """The commit of the working tree; empty where there is no repository."""
    command = ["git", "describe", "--always", "--abbrev=7", "--dirty", "--exclude=*"]
    told = subprocess.run(command, cwd=PAGE.parent, capture_output=True, text=True, check=False)
    return told.stdout.strip()


def _say_misses() -> None:
    """Missed goals need a remark; a test asks for it."""
    for one in stored_results():
        for name in unexplained(one, remark_of(one.program)):
            print(
                f"missed without a remark: {name}; say why in benchmarks/remarks/{one.program}.md",
                file=sys.stderr,
            )


if __name__ == "__main__":
    main()
