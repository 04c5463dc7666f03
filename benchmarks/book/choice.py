"""Which figures of a result its plot shows."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.book.panels import Bars, Curves, Grouped, Margins, Panel, Stacked
from benchmarks.book.results import Result
from benchmarks.harness import Goal

__all__ = ["margins", "panels_of"]


def panels_of(result: Result) -> list[Panel]:
    """The figures beside their peers, then the goals. Empty panels are left out."""
    chosen = PANELS.get(result.program, _nothing)(result)
    full = [panel for panel in chosen if panel.height >= 1]
    found = margins(result)
    return [*full, found] if found.rows else full


def margins(result: Result) -> Margins:
    """Each goal that is a number above nothing: how many times better than asked for."""
    rows = {}
    for goal in result.goals:
        wanted = re.match(r"([<>])= ([\d.,]*\d)", goal.goal)
        if wanted is None or goal.value <= 0:
            continue
        most = float(wanted.group(2).replace(",", ""))
        rows[goal.name] = goal.value / most if wanted.group(1) == ">" else most / goal.value
    return Margins("Goals: how many times better than asked for", rows)


def _matching(result: Result, pattern: str) -> list[Goal]:
    return [one for one in result.goals if fnmatch.fnmatchcase(one.name, pattern)]


def _peers(result: Result, pattern: str, ending: str = "") -> dict[str, float]:
    """Peers of the first goal of that name whose names end so; the ending is left out."""
    for goal in _matching(result, pattern)[:1]:
        return {
            name.removesuffix(ending): value
            for name, value in goal.peers.items()
            if name.endswith(ending) and value > 0
        }
    return {}


def _with_ours(goal: Goal, names: Iterable[str] | None = None) -> dict[str, float]:
    wanted = goal.peers if names is None else names
    beside = {name: goal.peers[name] for name in wanted if goal.peers.get(name, 0) > 0}
    return {"ours": goal.value, **beside}


def _nothing(_result: Result) -> list[Panel]:
    return []


def _store(result: Result) -> list[Panel]:
    return [
        Bars("Events/s, one append at a time", _named(_peers(result, "single appends one*"))),
        Bars("Events/s, 100 appends in flight", _peers(result, "100 actors*")),
        Bars("Events/s, batches of 100", _peers(result, "batches of 100*")),
        Bars("Events/s, replay", _peers(result, "replay, appends of 3*", " events/s")),
        Bars("Events/s, catch-up of a view", _peers(result, "catch-up*", " events/s")),
    ]


def _named(rows: Mapping[str, float]) -> dict[str, float]:
    return {name.removesuffix(" events/s"): value for name, value in rows.items()}


def _turn(result: Result) -> list[Panel]:
    panels: list[Panel] = []
    for model, said in (("instant", "does nothing"), ("paced", "takes 100 ms")):
        rows = {}
        for goal in _matching(result, f"* agents, {model} model, *"):
            agents, _, kind = goal.name.partition(":")[0].split(", ")
            rows[f"{agents}, {kind}"] = goal.value
        panels.append(
            Bars(f"A plain loop's turns/s over ours, the model {said}", rows, only_ours=True)
        )
    return panels


def _deltas(result: Result) -> list[Panel]:
    return [
        Bars("Time of a piece at full speed, µs", _peers(result, "at full speed: time per*")),
        Bars("CPU time of a piece at full speed, µs", _peers(result, "at full speed: CPU*per*")),
        Bars("CPU time of a piece, paced, µs", _peers(result, "paced*: CPU time per*")),
    ]


def _kills(result: Result) -> list[Panel]:
    rows: dict[str, dict[str, float]] = {}
    for goal in _matching(result, "all cases: *"):
        fault = goal.name.removeprefix("all cases: ")
        for name, count in {"mentra-actors, retry=never": goal.value, **goal.peers}.items():
            rows.setdefault(name, {})[fault] = count
    return [Stacked("Faults after `kill -9`, all cases", rows)]


def _growth(result: Result) -> list[Panel]:
    return [
        _curve(result, "Milliseconds a turn", "median ms"),
        _curve(result, "KB written a turn", "KB written"),
        _curve(result, "Bytes on disk over payload", "disk over payload"),
    ]


def _curve(result: Result, title: str, figure: str) -> Curves:
    lines: dict[str, list[tuple[float, float]]] = {}
    for goal in _matching(result, f"turn *, {figure}: *"):
        turn = float(goal.name.split(",")[0].removeprefix("turn "))
        first = goal.name.partition(f"{figure}: ")[2]
        for name, value in {first: goal.value, **goal.peers}.items():
            lines.setdefault(name, []).append((turn, value))
    return Curves(title, "turn", lines)


def _providers(result: Result) -> list[Panel]:
    return [
        Grouped(
            f"MB/s, {kind}",
            {one.name.split(",")[0]: _with_ours(one) for one in _matching(result, f"*, {kind}")},
        )
        for kind in ("decoded", "whole call")
    ]


def _tools(result: Result) -> list[Panel]:
    panels: list[Panel] = []
    for shape in ("one after the other", "of one answer"):
        goals = _matching(result, f"* {shape}, *")
        rows = {f"ours, {one.name.rpartition(', ')[2]}": one.value for one in goals}
        beside = _peers(result, f"* {shape}, *", " us")
        beside.pop("CPU", None)
        panels.append(Bars(f"Microseconds a call, 50 calls {shape}", {**rows, **beside}))
    return panels


def _grep(result: Result) -> list[Panel]:
    goals = _matching(result, "*: seconds")
    return [Grouped("Seconds", {one.name.partition(":")[0]: dict(one.peers) for one in goals})]


def _memory(result: Result) -> list[Panel]:
    scale = {"s": 1e3, "ms": 1.0}
    rows = {one.name: one.value * scale[one.unit] for one in result.goals if one.unit in scale}
    return [Bars("Milliseconds", rows, only_ours=True)]


def _requests(result: Result) -> list[Panel]:
    own = ("p90", "slowest", "encode", "first")
    groups = {}
    for goal in _matching(result, "*, 10,000 entries"):
        wire = goal.name.removesuffix(", 10,000 entries")
        theirs = [
            name
            for name in goal.peers
            if name.endswith(" ms") and not name.startswith(own) and "mapping alone" not in name
        ]
        if theirs:
            chosen = _with_ours(goal, theirs)
            groups[wire] = {name.removesuffix(" ms"): value for name, value in chosen.items()}
    merged = {wire: _one_name(sides) for wire, sides in groups.items()}
    return [Grouped("Milliseconds for a request of 10,000 entries", merged)]


def _one_name(sides: Mapping[str, float]) -> dict[str, float]:
    return {name.removesuffix(", Anthropic"): value for name, value in sides.items()}


def _team(result: Result) -> list[Panel]:
    rows = {}
    for kind in ("memory", "sync"):
        told = _peers(result, f"*, {kind}: our turns/s over plain asyncio")
        if "turns/s" in told:
            rows[f"ours, {kind}"] = told["turns/s"]
    for goal in _matching(result, "*: turns/s"):
        rows[goal.name.removesuffix(": turns/s")] = goal.value
    return [Bars("Turns/s of all agents at once", rows)]


def _imports(result: Result) -> list[Panel]:
    rows = _peers(result, "import mentra_actors")
    for goal in result.goals:
        is_ours = not goal.name.startswith("import ") or goal.name == "import mentra_actors"
        rows[f"mentra-actors: {goal.name}" if is_ours else goal.name] = goal.value
    return [Bars("Milliseconds of a whole process", rows)]


def _adapters(result: Result) -> list[Panel]:
    kinds = dict.fromkeys(one.name.split(",")[0] for one in result.goals)
    return [
        Grouped(
            kind,
            {
                one.name.partition(": ")[2]: _with_ours(one)
                for one in _matching(result, f"{kind}, *")
                if not one.goal
            },
        )
        for kind in kinds
    ]


def _past(result: Result) -> list[Panel]:
    looks = {
        one.name.partition(": ")[2]: _with_ours(one, ["LangGraph"])
        for one in _matching(result, "conversation of *")
    }
    views = {one.name: _with_ours(one) for one in _matching(result, "catch-up over*half handled")}
    rows = {f"{side}": value for one in views.values() for side, value in one.items()}
    return [
        Grouped("Milliseconds of a look at a conversation", looks),
        Bars("Events/s, catch-up of a view that handles half of them", rows),
    ]


PANELS: Mapping[str, Callable[[Result], Sequence[Panel]]] = {
    "store": _store,
    "turn": _turn,
    "deltas": _deltas,
    "kill_matrix": _kills,
    "growth": _growth,
    "providers": _providers,
    "tools": _tools,
    "tools_grep": _grep,
    "memory": _memory,
    "requests": _requests,
    "team": _team,
    "import_time": _imports,
    "adapters": _adapters,
    "time_travel": _past,
}
