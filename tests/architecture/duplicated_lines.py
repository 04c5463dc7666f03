"""Lines that stand twice: runs of ten lines of code that are the same to the letter."""

from collections.abc import Iterator, Mapping, Sequence

WINDOW = 10


def duplicated(code: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Lines of each file that are in a run which stands somewhere else as well."""
    firsts: dict[tuple[str, ...], tuple[str, int]] = {}
    twice: set[tuple[str, int]] = set()
    for place, start, run in _runs(code):
        first = firsts.setdefault(run, (place, start))
        if first != (place, start):
            for name, begin in (first, (place, start)):
                twice.update((name, begin + offset) for offset in range(WINDOW))
    found: dict[str, int] = {}
    for place, _ in sorted(twice):
        found[place] = found.get(place, 0) + 1
    return found


def _runs(code: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    for place, lines in code.items():
        for start in range(len(lines) - WINDOW + 1):
            yield place, start, tuple(lines[start : start + WINDOW])
