"""The past of a team and of an agent: forks, bisection, reasons, verification, looks."""

import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import Goal, at_most, interleaved, median
from benchmarks.past_logs import FIRST, agent_log, team_log
from benchmarks.peers.turns import disk_bytes
from benchmarks.store_folder import folder
from mentra_actors import open_history
from mentra_actors.actors.milestones import EVENTS_PER_MILESTONE, EVENTS_PER_WHOLE
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, name_of
from mentra_actors.runtime.history.history import History
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader
from projections import ROSTER, TASK_BOARD, TRANSCRIPT, USAGE
from projections.contract import Projection, fold_parts
from projections.views.roster import MemberView

__all__ = ["agent_goals", "team_goals"]

MOST_FORK_KB = 10.0
MOST_RATIO = 2.0
PLACES = (0.1, 0.5, 0.9, 1.0)


def team_goals(*, events: int, letters: int, rounds: int, verified: int) -> list[Goal]:
    """Figures of a team that has written so many events, of chains of so many letters."""
    with folder() as path:
        store = path / "team"
        team_log(store, events, letters)
        name = f"team of {events:,} events"
        return [
            *_fork_goals(name, store, rounds),
            *_bisect_goals(name, store, rounds),
            *_first_look_goals(name, store, rounds),
            *_cause_goals(name, store, rounds),
            *_replay_goals(name, store, verified),
        ]


def agent_goals(*, events: int, rounds: int) -> list[Goal]:
    """Looks at versions of an agent of so many events, the history opened for each.

    Those before the end lie behind the last milestone that has to be read beside others: a whole
    one, and four that say what has changed since the one before.
    """
    with folder() as path:
        stream_id = agent_log(path / "agent", events)
        agent_id = AgentId(name_of(stream_id))

        def version_at(part: float) -> int:
            whole = int(events * part) // EVENTS_PER_WHOLE * EVENTS_PER_WHOLE
            return events if part == 1.0 else whole + 9 * EVENTS_PER_MILESTONE // 2

        def look(part: float) -> float:
            with open_history(path / "agent") as history:
                begun = time.perf_counter()
                shown = history.agent_at(agent_id, version_at(part)).snapshot
                took = time.perf_counter() - begun
            assert shown is not None
            return took * 1e3

        look(1.0)
        cases: dict[str, Callable[[], float]] = {
            f"at {part:.0%}": lambda part=part: look(part) for part in PLACES
        }
        figures = {place: median(some) for place, some in interleaved(cases, rounds).items()}
    end = figures.pop("at 100%")
    name = (
        f"agent of {events:,} events: the slowest look at an earlier version over one at its end"
    )
    beside = {"ms at 100%": end, **{f"ms {place}": one for place, one in figures.items()}}
    return [at_most(name, max(figures.values()) / end, MOST_RATIO, beside)]


def _fork_goals(name: str, store: Path, rounds: int) -> list[Goal]:
    """Forks in the middle, beside a copy of the store."""
    took, size, passed = [], 0, []
    with open_history(store) as history:
        middle = history.last_position // 2
        for number in range(rounds):
            before, begun = _passed_bytes(), time.perf_counter()
            branch = history.fork(f"try-{number}", at=middle)
            took.append((time.perf_counter() - begun) * 1e3)
            passed.append(_passed_bytes() - before)
            size = disk_bytes(Path(str(branch.path)))
    copy = store.with_name("copy")
    begun = time.perf_counter()
    shutil.copytree(store, copy, ignore=shutil.ignore_patterns("branches"))
    copied_ms, copied_kb = (time.perf_counter() - begun) * 1e3, disk_bytes(copy) / 1e3
    shutil.rmtree(copy)
    written = median(passed) / 1e3
    beside = {"KB on disk": size / 1e3, "a copy of the store": copied_kb}
    holds = max(written, size / 1e3) <= MOST_FORK_KB
    goal = f"<= {MOST_FORK_KB:g}"
    return [
        Goal(f"{name}: a fork, KB passed to `write`", written, "KB", goal, holds, beside),
        Goal(f"{name}: a fork", median(took), "ms", peers={"a copy of the store": copied_ms}),
    ]


def _bisect_goals(name: str, store: Path, rounds: int) -> list[Goal]:
    """When half of the members had joined: by a view, by moments, and event by event."""
    with open_history(store) as history:
        half = len(history.at().roster()) // 2
    looks: dict[str, int] = {}
    positions: set[int] = set()

    def search(label: str, find: Callable[[History], tuple[int, int]]) -> Callable[[], float]:
        def run() -> float:
            with open_history(store) as history:
                begun = time.perf_counter()
                position, looks[label] = find(history)
                positions.add(position)
                return time.perf_counter() - begun

        return run

    def has_half(parts: Any) -> bool:
        return sum(isinstance(one, MemberView) for one in parts.values()) >= half

    def by_view(history: History) -> tuple[int, int]:
        found = history.bisect(has_half, view=ROSTER)
        return found.position, found.looks

    def by_moment(history: History) -> tuple[int, int]:
        found = history.bisect(lambda moment: has_half(moment.parts(ROSTER)))
        return found.position, found.looks

    cases = {
        label: search(label, find)
        for label, find in (
            ("by a view", by_view),
            ("by moments", by_moment),
            ("event by event", lambda _: _linear(store, has_half)),
        )
    }
    seconds = {label: median(some) for label, some in interleaved(cases, rounds).items()}
    assert len(positions) == 1, positions
    more = {"event by event": seconds["event by event"]}
    return [
        Goal(
            f"{name}: bisection {label}",
            seconds[label],
            "s",
            peers={**more, "looks": looks[label], "looks event by event": looks["event by event"]},
        )
        for label in ("by a view", "by moments")
    ]


def _linear(store: Path, predicate: Callable[[Any], bool]) -> tuple[int, int]:
    """Fold the view event by event and ask each time: what one writes who knows no bisection."""
    parts: dict[str, Any] = {}
    for looks, one in enumerate(_events(store), start=1):
        parts.update(fold_parts(ROSTER, [one], parts.get))
        if predicate(parts):
            return one.global_position, looks
    raise AssertionError("it is never true")


def _events(store: Path) -> Iterator[RecordedEvent[Any]]:
    reader = open_journal_reader(store)
    try:
        yield from Journal(reader).through()
    finally:
        reader.close()


def _first_look_goals(name: str, store: Path, rounds: int) -> list[Goal]:
    """Whole views as of the middle, by a process that has looked at nothing yet."""

    def look(view: Projection[Any]) -> float:
        with open_history(store) as history:
            moment = history.at(history.last_position // 2)
            begun = time.perf_counter()
            moment.parts(view)
            return (time.perf_counter() - begun) * 1e3

    views = {one.name: one for one in (TASK_BOARD, ROSTER, USAGE, TRANSCRIPT)}
    cases = {name: partial(look, view) for name, view in views.items()}
    figures = {view: median(some) for view, some in interleaved(cases, rounds).items()}
    board = figures.pop(TASK_BOARD.name)
    look_name = f"{name}: first look at {TASK_BOARD.name} in its middle"
    return [Goal(look_name, board, "ms", peers=figures)]


def _cause_goals(name: str, store: Path, rounds: int) -> list[Goal]:
    """From the last event of the last pair back to the program, and forward from there."""
    with open_history(store) as history:
        end = history.last_position - 1  # the last one is a task on the board
        chain = history.why(end)
        back = [_ms(lambda: history.why(end)) for _ in range(rounds)]
        first = chain.steps[-1].global_position
        effects = history.effects_of(first).effects
        forward = [_ms(lambda: history.effects_of(first)) for _ in range(rounds)]
    return [
        Goal(f"{name}: why, {len(chain.steps):,} steps back", median(back), "ms"),
        Goal(f"{name}: effects_of, {len(effects):,} events", median(forward), "ms"),
    ]


def _replay_goals(name: str, store: Path, verified: int) -> list[Goal]:
    """Events a second that are decided again, and of one run that is played."""
    with open_history(store) as history:
        begun = time.perf_counter()
        found = history.verify(at=min(verified, history.last_position))
        decided = found.events / (time.perf_counter() - begun)
        assert found.is_same, found.differences
        begun = time.perf_counter()
        played = history.replay(FIRST)
        took = time.perf_counter() - begun
        assert played.is_same, played.differences
    return [
        Goal(f"{name}: verify, {found.events:,} events", decided, "/s"),
        Goal(f"{name}: replay of one run of {len(played.events):,} events", took * 1e3, "ms"),
    ]


def _ms(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1e3


def _passed_bytes() -> int:
    """What this process has passed to `write` so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))
