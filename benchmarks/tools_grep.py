"""`grep` over a large tree, beside ripgrep and GNU grep.

A tree of made-up source files is built once, read once by everybody, and then searched in turn:
for a rare literal, a common one up to the limit, a rare regular expression with a literal in it,
one without, and without regard to case. All sides give lines with numbers; ripgrep runs as people
run it (threads, ignore rules), GNU grep as `grep -rn`. Ours has the start of its processes in it.

The last figures are bounds of memory: the growth of our peak while a file of 512 MB is searched,
and while a directory of 100,000 entries is listed.
"""

import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.harness import (
    Goal,
    interleaved,
    median,
    parsed_arguments,
    ratio_spread,
    report,
    spread,
)
from mentra_actors.tools.file_tools.looking import list_directory
from mentra_actors.tools.file_tools.overlay import Overlay
from mentra_actors.tools.file_tools.place import FilePlace
from mentra_actors.tools.file_tools.searching import SearchOptions, search_files
from mentra_actors.tools.file_tools.text_lines import WorkBudget

WORDS = (
    *("return", "value", "index", "buffer", "stream", "request", "response", "handler", "config"),
    *("parser", "token", "node", "edge", "queue", "worker", "thread", "signal", "error", "result"),
    *("option", "default", "list", "map", "filter", "reduce", "open", "close"),
)
NEEDLE = "xylophone_7431"
CASES: Mapping[str, tuple[SearchOptions, list[str]]] = {
    "a rare literal": (SearchOptions(pattern=NEEDLE), ["-F", NEEDLE]),
    "a common literal, 200 lines": (SearchOptions(pattern="handler"), ["-F", "handler"]),
    "a rare regex with a literal": (
        SearchOptions(pattern=r"xylophone_\d+\s*="),
        ["-E", r"xylophone_[0-9]+\s*="],
    ),
    "a rare regex without one": (
        SearchOptions(pattern=r"\b[a-z]{9}_[0-9]{4}\b"),
        ["-E", r"\b[a-z]{9}_[0-9]{4}\b"],
    ),
    "a rare literal, any case": (
        SearchOptions(pattern=NEEDLE.upper(), ignore_case=True),
        ["-i", "-F", NEEDLE.upper()],
    ),
}


def build_tree(root: Path, files: int, file_bytes: int) -> int:
    """A tree of files in directories of 50; gives its size."""
    chance = random.Random(1)
    blocks = [
        "".join(
            f"{' ' * chance.randrange(0, 12, 4)}{' '.join(chance.choices(WORDS, k=6))}\n"
            for _ in range(file_bytes // 45)
        ).encode()
        for _ in range(40)
    ]
    size = 0
    for number in range(files):
        folder = root / f"part_{number // 2500}" / f"folder_{number // 50}"
        if number % 50 == 0:
            folder.mkdir(parents=True)
        content = blocks[number % len(blocks)]
        if number % 4000 == 7:
            content += f"{NEEDLE} = 1\n".encode()
        (folder / f"file_{number}.py").write_bytes(content)
        size += len(content)
    (root / ".gitignore").write_text("*.log\nbuild/\n!keep.log\n")
    return size


def ours(place: FilePlace, options: SearchOptions) -> float:
    """Seconds of one search."""
    started = time.perf_counter()
    told = search_files(Overlay(place), place.for_reading("."), options, WorkBudget(600))
    seconds = time.perf_counter() - started
    assert any("file_" in line for line in told), told
    return seconds


def theirs(command: list[str], root: Path) -> float:
    """Seconds of one run of a program; its output goes nowhere."""
    started = time.perf_counter()
    subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def peers(root: Path, arguments: list[str]) -> dict[str, Callable[[], float]]:
    """The programs that are here."""
    wanted = [one if one != "-E" else "-e" for one in arguments]
    commands = {
        "ripgrep": ["rg", "-n", *wanted, "."],
        "GNU grep": ["grep", "-rn", *arguments, "."],
    }
    return {
        name: partial(theirs, command, root)
        for name, command in commands.items()
        if shutil.which(command[0])
    }


def case_goals(root: Path, rounds: int) -> list[Goal]:
    """One figure for each case: our seconds, and how many times those of each peer."""
    place = FilePlace.of_root(root)
    goals: list[Goal] = []
    for name, (options, arguments) in CASES.items():
        cases = {"ours": partial(ours, place, options), **peers(root, arguments)}
        figures = interleaved(cases, rounds)
        medians = {side: median(seconds) for side, seconds in figures.items()}
        around = spread(figures["ours"])
        goals.append(Goal(f"{name}: seconds", medians["ours"], "s", peers=medians, spread=around))
        goals += [
            Goal(
                f"{name}: ours / {side}",
                medians["ours"] / seconds,
                "x",
                spread=ratio_spread(figures["ours"], figures[side]),
            )
            for side, seconds in medians.items()
            if side != "ours"
        ]
    return goals


def peak_mb() -> float:
    """The peak of this process and of its ended children, in MB."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    scale = 1 if sys.platform == "darwin" else 1024
    return sum(resource.getrusage(one).ru_maxrss for one in who) * scale / 1e6


def memory_goals(root: Path, huge_bytes: int, entries: int) -> list[Goal]:
    """How much the peaks grow by a huge file and by a huge directory."""
    (root / "huge").mkdir()
    (root / "many").mkdir()
    with (root / "huge/file").open("wb") as file:
        block = b"some words of a line that nobody looks for\n" * 24_000
        for _ in range(huge_bytes // len(block)):
            file.write(block)
    for number in range(entries):
        (root / f"many/{number:06}").touch()
    place, before = FilePlace.of_root(root), peak_mb()
    here, options = place.for_reading("huge"), SearchOptions(pattern=r"absent\d")
    search_files(Overlay(place), here, options, WorkBudget(600))
    after_huge = peak_mb()
    many = place.for_reading("many")
    list_directory(Overlay(place), many, depth=1, limit=200, budget=WorkBudget(600))
    huge = f"peak after a file of {huge_bytes / 1e6:.0f} MB: MB more"
    return [
        _at_most_64_mb(huge, after_huge - before),
        _at_most_64_mb(f"peak after {entries} entries: MB more", peak_mb() - after_huge),
    ]


def _at_most_64_mb(name: str, more: float) -> Goal:
    return Goal(name, more, "MB", "<= 64", more <= 64)


def main() -> None:
    """Build, search, measure."""
    arguments = parsed_arguments(__doc__ or "")
    files, file_bytes, rounds = (4_000, 10_000, 3) if arguments.quick else (20_000, 10_000, 5)
    huge, entries = (64_000_000, 20_000) if arguments.quick else (512_000_000, 100_000)
    for program in ("rg", "grep"):
        if shutil.which(program) is None:
            print(f"left out: {program} is not installed here", file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "tree"
        size = build_tree(root, files, file_bytes)
        goals = case_goals(root, rounds)
        goals += memory_goals(Path(name), huge, entries)
    title = f"grep over {files} files, {size / 1e6:.0f} MB (warm)"
    report(title, goals, as_json=arguments.json)


if __name__ == "__main__":
    main()
