"""A conversation as it was: a state of its middle, a page of states, all states; beside LangGraph.

Both sides keep the same scripted conversation, each in a process of its own, on files. The peer
gets as many turns as it makes in the time that it has; ours then gets as many.
"""

from contextlib import ExitStack
from pathlib import Path

from benchmarks.harness import Goal, interleaved, median, spread
from benchmarks.peers.environments import PeerProcess
from benchmarks.sides import Side, started
from benchmarks.store_folder import folder

__all__ = ["conversation_goals"]

OURS = Side("ours", "past_mentra")
LANGGRAPH = Side("LangGraph", "past_langgraph", "langgraph")
CHUNK = 20
LOOKS = 9


def conversation_goals(*, turns: int, most_s: float, listed: int) -> list[Goal]:
    """Milliseconds of looks; `most_s` is for the turns of the peer, `listed` states are listed."""
    with folder() as path, ExitStack() as stack:
        sides = started(stack, path, (LANGGRAPH, OURS), lambda side: _opened(side, path))
        made = _filled(sides, turns, most_s)
        looks: dict[str, list[dict[str, list[float]]]] = {name: [] for name in sides}
        interleaved({name: lambda n=name: _look(sides[n], looks[n]) for name in sides}, LOOKS)
        whole = {name: side.ask({"list": listed}) for name, side in sides.items()}
    name = f"conversation of {made:,} turns"
    goals = [
        _beside(
            f"{name}: its middle, all messages, {label}",
            "ms",
            _medians(looks, key),
            rounds=[one[key][0] for one in looks[OURS.name]],
        )
        for label, key in (("opened for it", "cold_ms"), ("open", "warm_ms"))
    ]
    goals.append(_beside(f"{name}: ten states before its middle", "ms", _medians(looks, "page")))
    of_all = {side: one["ms"] for side, one in whole.items()}
    counts = {f"{side}: states": one["states"] for side, one in whole.items()}
    listing = _beside(f"{name}: a list of the last {listed:,} states", "ms", of_all, counts)
    each = {side: one["ms"] / max(one["states"], 1) for side, one in whole.items()}
    return [*goals, listing, _beside(f"{name}: the same, for each state", "ms", each)]


def _opened(side: PeerProcess, path: Path) -> None:
    place = path / f"{id(side)}"
    place.mkdir()
    side.ask({"open": str(place)})


def _filled(sides: dict[str, PeerProcess], turns: int, most_s: float) -> int:
    """How many turns there are: as many as the peer has made."""
    made, seconds = 0, 0.0
    peer = sides.get(LANGGRAPH.name)
    while peer is not None and made < turns and seconds < most_s:
        count = min(CHUNK, turns - made)
        seconds += peer.ask({"turns": count})["seconds"]
        made += count
    made = made or turns
    if OURS.name in sides:
        sides[OURS.name].ask({"turns": made})
    return made


def _look(side: PeerProcess, told: list[dict[str, list[float]]]) -> float:
    answer = side.ask({"middle": 1})
    told.append({**answer, "page": side.ask({"page": 1})["ms"]})
    return float(answer["warm_ms"][0])


def _medians(looks: dict[str, list[dict[str, list[float]]]], key: str) -> dict[str, float]:
    return {name: median([one[key][0] for one in some]) for name, some in looks.items()}


def _beside(
    name: str,
    unit: str,
    figures: dict[str, float],
    more: dict[str, float] | None = None,
    rounds: list[float] | None = None,
) -> Goal:
    """Ours, with the others beside it; `rounds` are ours."""
    others = {side: value for side, value in figures.items() if side != OURS.name}
    peers = {**others, **(more or {})}
    return Goal(name, figures[OURS.name], unit, peers=peers, spread=spread(rounds or []))
