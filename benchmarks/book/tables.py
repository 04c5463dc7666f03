"""Tables of a result: its goals, and every figure beside its peers."""

import math
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.harness import Goal, Spread

__all__ = ["figure_tables", "goal_table", "human"]

MARKS = {True: "holds", False: "**missed**", None: ""}
MOST_COLUMNS = 6


def human(value: float) -> str:
    """Three digits that count, thousands by commas, never an exponent."""
    if value == 0:
        return "0"
    decimals = 2 - math.floor(math.log10(abs(value)))
    text = f"{round(value, decimals):,.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def goal_table(goals: Iterable[Goal]) -> list[str]:
    """One row a goal; no rows for figures without one."""
    chosen = [goal for goal in goals if goal.holds is not None]
    if not chosen:
        return []
    rows = [
        (one.name, _measured(one), _around(one.spread), one.goal, MARKS[one.holds])
        for one in chosen
    ]
    return _table(("goal", "value", "quartiles", "wanted", ""), rows, "lrrrl")


def figure_tables(goals: Sequence[Goal]) -> list[str]:
    """Every figure with its quartiles: those with the same peers share a table."""
    alike: dict[tuple[str, ...], list[Goal]] = {}
    for goal in goals:
        alike.setdefault(tuple(goal.peers), []).append(goal)
    return [line for some in alike.values() for table in _tables_of(some) for line in (*table, "")]


def _tables_of(goals: Sequence[Goal]) -> Iterator[list[str]]:
    """Peers as columns while they are few, else as rows below their figures."""
    peers = list(goals[0].peers)
    heads = [_short(name, peers) for name in peers]
    if peers and len(goals) > 1 and all(one.peers == goals[0].peers for one in goals):
        yield _plain(goals)
        yield _table(("beside", "value"), [(k, human(v)) for k, v in goals[0].peers.items()], "lr")
    elif len(peers) <= MOST_COLUMNS:
        rows = [
            (one.name, _ranged(one), *(human(value) for value in one.peers.values()))
            for one in goals
        ]
        yield _table(("figure", "value", *heads), rows, "l" + "r" * (1 + len(heads)))
    else:
        for start in range(0, len(goals), MOST_COLUMNS - 1):
            yield _upright(goals[start : start + MOST_COLUMNS - 1])


def _plain(goals: Sequence[Goal]) -> list[str]:
    return _table(("figure", "value"), [(one.name, _ranged(one)) for one in goals], "lr")


def _upright(goals: Sequence[Goal]) -> list[str]:
    """Figures as columns."""
    first = ("the figure", *(_ranged(one) for one in goals))
    rows = [(peer, *(human(one.peers[peer]) for one in goals)) for peer in goals[0].peers]
    return _table(("", *(one.name for one in goals)), [first, *rows], "l" + "r" * len(goals))


def _short(name: str, peers: Sequence[str]) -> str:
    """Without the words that all peers begin with."""
    shared = 0
    for letters in zip(*peers, strict=False) if len(peers) > 1 else ():
        if len(set(letters)) > 1:
            break
        shared += 1
    return name[name[:shared].rfind(" ") + 1 :] or name


def _measured(goal: Goal) -> str:
    return f"{human(goal.value)} {goal.unit}".strip()


def _ranged(goal: Goal) -> str:
    if goal.spread is None:
        return _measured(goal)
    return f"{_measured(goal)} ({human(goal.spread.low)} to {human(goal.spread.high)})"


def _around(rounds: Spread | None) -> str:
    if rounds is None:
        return ""
    return f"{human(rounds.low)} to {human(rounds.high)} ({rounds.rounds})"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], sides: str) -> list[str]:
    """`sides` has an `l` or `r` for each column."""
    marks = ("---:" if side == "r" else "---" for side in sides)
    lines = [heads, tuple(marks), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
