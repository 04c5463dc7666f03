"""The rows of a matrix, as figures and as a table for people."""

from collections.abc import Mapping, Sequence

from benchmarks.harness import Goal
from benchmarks.recovery.cases import CASES, FAULTS, Case, Row
from benchmarks.recovery.every_point import Campaign

__all__ = ["campaign_goals", "matrix_goals", "printed_matrix"]


def matrix_goals(rows: Sequence[Row]) -> list[Goal]:
    """Each fault over all cases, then by case where anyone has it.

    The value is that of our default; who has no way to resume is not among the peers of a case.
    """
    goals = [_goal(f"all cases: {text}", fault, CASES, rows) for fault, text in FAULTS.items()]
    for case in CASES:
        for fault, text in FAULTS.items():
            if any(row.of(fault, (case,)) for row in rows):
                goals.append(_goal(f"{case.name}: {text}", fault, (case,), rows))
    return goals


def _goal(name: str, fault: str, cases: Sequence[Case], rows: Sequence[Row]) -> Goal:
    counts = {row.name: row.of(fault, cases) for row in rows}
    known = {name: float(count) for name, count in counts.items() if count is not None}
    ours = [count for name, count in known.items() if name.startswith("mentra-actors")]
    first = rows[0].name
    peers = {name: count for name, count in known.items() if name != first}
    return Goal(name, known[first], "", "0", not any(ours), peers)


def campaign_goals(campaigns: Mapping[str, Campaign]) -> list[Goal]:
    """Our agent, killed everywhere."""
    kills = {name: float(one.kills) for name, one in campaigns.items()}
    goals = [Goal("ours, killed everywhere: kills", sum(kills.values()), "", peers=kills)]
    for fault, text in FAULTS.items():
        counts = {name: float(getattr(one.faults, fault)) for name, one in campaigns.items()}
        total = sum(counts.values())
        goals.append(Goal(f"ours, killed everywhere: {text}", total, "", "0", not total, counts))
    return goals


def printed_matrix(rows: Sequence[Row]) -> str:
    """One line a variant, one column a case."""
    width = max(len(row.name) for row in rows)
    heads = "".join(f"  {case.name[0]:<22}" for case in CASES)
    lines = [*(case.name for case in CASES), "", f"{'':<{width}}{heads}"]
    for row in rows:
        cells = ("no resume" if one is None else str(one) for one in row.faults.values())
        lines.append(f"{row.name:<{width}}" + "".join(f"  {cell:<22}" for cell in cells))
    lines += ["", *(f"{row.name}, {remark}" for row in rows for remark in row.remarks)]
    lines += ["", *(f"{fault}: {text}" for fault, text in FAULTS.items()), ""]
    return "\n".join(lines)
