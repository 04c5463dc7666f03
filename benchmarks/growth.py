"""What a turn costs when the conversation is long, beside peers that keep it as well.

One persistent conversation; a turn is a message of the user, one tool call, its result, and an
answer: 1 KiB of text. Looked at are turns 1, 10, 100, 1000 and 5000: time, CPU time, bytes
written, and the size on disk over the payload, which is all messages as compact JSON. A peer whose
cost explodes is stopped at a budget of time or disk, and its figures end there.

For us late turns should cost what early ones do. Both are run in turn with each other, so that the
noise of the machine is in both. `written` are bytes that dirtied the page cache (`write_bytes`),
`passed` those that were passed to `write` (`wchar`): with volatile durability only the second one
grows with what is done, because a page that is dirty already is counted once.
"""

import sys
from collections.abc import Mapping, Sequence

from benchmarks.growth_bytes import WHOLE_FILE
from benchmarks.growth_runs import EARLY, Figures, Plan, Run, Side, long_run, our_run
from benchmarks.harness import Goal, at_most, parsed_arguments, report
from benchmarks.peers.environments import PeerMissing

OURS = (
    Side("ours, sync", "growth_mentra sync", is_peer=False),
    Side("ours, volatile", "growth_mentra volatile", is_peer=False),
    Side("ours, volatile, zstd", "growth_mentra volatile zstd", is_peer=False),
)
PEERS = (
    Side("LangGraph, SqliteSaver, sync", "growth_langgraph", "langgraph"),
    Side("OpenAI Agents SDK, SQLiteSession", "growth_openai_agents", "openai-agents"),
    Side("whole state per event", "growth_plain whole-state"),
    Side("floor: JSON lines, flushed", "growth_plain json-lines"),
)
FULL = Plan((1, 10, 100, 1000, 5000), 40, ours_most_s=1e6, peers_most_s=180, most_bytes=5e9)
QUICK = Plan((1, 10, 100, 500), 8, ours_most_s=6, peers_most_s=3, most_bytes=1e9)

TITLE = "Growth of one conversation"
ENVIRONMENTS = ("langgraph", "openai-agents")
MOST_GROWTH = 1.3
MOST_DISK = 2.0
FIGURES = {
    "wall_ms": "median ms",
    "cpu_ms": "median CPU ms",
    "written_kb": "KB written",
    "passed_kb": "KB passed to write",
    "disk_ratio": "disk over payload",
}


def all_runs(plan: Plan) -> list[Run]:
    """Ours first; a peer that does not run is left out, which is said on stderr."""
    runs = [our_run(side, plan) for side in OURS]
    for side in PEERS:
        try:
            runs.append(long_run(side, plan))
        except PeerMissing as missing:
            print(f"skipped: {missing}", file=sys.stderr)
    return runs


# --- goals ------------------------------------------------------------------------------------


def growth_goals(runs: Sequence[Run]) -> list[Goal]:
    """Ours: late over early; the peers: as far as each one came over turn 10."""
    goals = []
    for run in runs:
        if run.ratios is None:
            continue
        for kind in ("wall", "cpu", "written", "passed"):
            name = f"{run.side.name}, {kind}: turn {run.count} over turn {EARLY}"
            ratio, around = getattr(run.ratios, kind), run.ratios.around.get(kind)
            goals.append(at_most(name, ratio, MOST_GROWTH, _peers_growth(runs, kind), around))
        name = f"{run.side.name}: disk over payload (compact JSON) after turn {run.count}"
        peers = {_until(one): one.end().disk_ratio for one in runs if one is not run}
        goals.append(at_most(name, run.end().disk_ratio, MOST_DISK, peers))
    return goals


def _peers_growth(runs: Sequence[Run], kind: str) -> Mapping[str, float]:
    figure = next(name for name in FIGURES if name.startswith(kind))
    peers = [run for run in runs if run.side.is_peer]
    early = {run.side.name: run.at(EARLY) for run in peers}
    return {
        _until(run): getattr(run.end(), figure) / getattr(early[run.side.name], figure)
        for run in peers
        if early[run.side.name] is not None
    }


def _until(run: Run) -> str:
    return f"{run.side.name}, turn {run.count}"


def figure_goals(runs: Sequence[Run], plan: Plan) -> list[Goal]:
    """Every figure at every turn, without a goal; the value is ours, the first side's."""
    goals = []
    for stop in plan.stops:
        known = [(run.side.name, run.at(stop)) for run in runs]
        for figure, text in FIGURES.items():
            values = {name: float(getattr(one, figure)) for name, one in known if one is not None}
            goals += _beside_first(f"turn {stop}, {text}", values)
    flushes = {run.side.name: run.flush_ms for run in runs}
    goals += _beside_first("ms of one flush at the time of the run", flushes)
    stopped = [run for run in runs if run.stopped]
    return goals + [
        Goal(f"{run.side.name}: stopped {run.stopped}, at turn", run.count, "") for run in stopped
    ]


def _beside_first(name: str, values: Mapping[str, float]) -> list[Goal]:
    """One figure of the first side that has it, the others beside it; none if nobody has it."""
    return [
        Goal(f"{name}: {first}", value, "", peers={k: v for k, v in values.items() if k != first})
        for first, value in list(values.items())[:1]
    ]


def byte_goals(runs: Sequence[Run]) -> list[Goal]:
    """Where our bytes are: of the first side."""
    run, name = runs[0], runs[0].side.name
    sizes = {
        title: {kind: size for kind, _count, size in shares}
        for title, shares in run.remarks.items()
    }
    commits = next(many for kind, many, _ in run.remarks["bytes by table"] if kind == WHOLE_FILE)
    whole = sizes["bytes by table"].pop(WHOLE_FILE)
    events = sum(sizes["bytes by type"].values())
    early = run.at(EARLY) or run.end()
    a_commit = {
        f"KB passed a commit, turn {EARLY}": early.passed_kb / commits,
        f"KB passed a commit, turn {run.count}": run.end().passed_kb / commits,
    }
    return [
        Goal(f"{name}, events: bytes a turn", events, "B", peers=sizes["bytes by type"]),
        Goal(f"{name}, the same by kind", events, "B", peers=sizes["bytes by kind"]),
        Goal(f"{name}, data file: bytes a turn", whole, "B", peers=sizes["bytes by table"]),
        Goal(f"{name}, commits a turn", commits, "", peers=a_commit),
    ]


# --- tables -----------------------------------------------------------------------------------


def printed_tables(runs: Sequence[Run], plan: Plan) -> str:
    """For a person: sides by turns, then where our bytes are."""
    lines = [f"{'ms of one flush at the time':<36}"]
    lines += [*(f"{run.side.name:<36}{run.flush_ms:>12,.2f}" for run in runs), ""]
    heads = "".join(f"{f'turn {stop}':>12}" for stop in plan.stops)
    for figure, text in FIGURES.items():
        lines += [f"{text:<36}{heads}"]
        for run in runs:
            cells = "".join(f"{_cell(run.at(stop), figure):>12}" for stop in plan.stops)
            at_end = f"  stopped {run.stopped}, turn {run.count}: {_cell(run.end(), figure)}"
            lines.append(f"{run.side.name:<36}{cells}{at_end if run.stopped else ''}")
        lines.append("")
    for title, shares in runs[0].remarks.items():
        lines.append(f"{runs[0].side.name}, {title}, a turn{'':<20}{'count':>10}{'bytes':>10}")
        lines += [f"  {name:<46}{many:>10.2f}{size:>10.0f}" for name, many, size in shares if size]
        lines.append("")
    return "\n".join(lines)


def _cell(figures: Figures | None, figure: str) -> str:
    return "-" if figures is None else f"{getattr(figures, figure):,.2f}"


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    plan = QUICK if arguments.quick else FULL
    runs = all_runs(plan)
    print(printed_tables(runs, plan), file=sys.stderr if arguments.json else sys.stdout)
    goals = [*growth_goals(runs), *figure_goals(runs, plan), *byte_goals(runs)]
    report(TITLE, goals, as_json=arguments.json, environments=ENVIRONMENTS)


if __name__ == "__main__":
    main()
