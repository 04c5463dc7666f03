"""A scenario, cut at every place where a process may die.

    def scenario(runtime):
        lead = runtime.spawn("lead", model="scripted:lead", reuse=True)
        return lead.send("Ship it.", prompt_id="ship").text

    def test_my_team_survives_every_crash():
        assert_survives_crashes(scenario, tools=[ship], providers=[ScriptedModel(SCRIPT)])

The scenario runs once without a crash. Then it is begun again for each append (before it is
written, after it is durable) and each effect (before it touches the world, after it has), dies
there, is opened again, and runs to its end. After each of them the whole log and what the tools
have done are checked against the guarantees of `mentra_actors.testing.guarantees`.

What tools do to a world of their own nobody here can see: `fresh` begins that anew for each
crash, and `check` says what must be true of it afterwards.

        sent = []

        def once():
            assert len(sent) == 1

        assert_survives_crashes(scenario, fresh=sent.clear, check=once, tools=[ship], ...)
"""

import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import msgspec

from mentra_actors.domain.agent.events import ToolCallOutcomeUnknown
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import Fenced
from mentra_actors.runtime.settings import RuntimeOptions
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import Appended
from mentra_actors.testing.crash_points import CrashPoint
from mentra_actors.testing.guarantees import broken_guarantees, other_answers
from mentra_actors.testing.life_runner import LifeRunner, Scenario
from mentra_actors.testing.mortal_life import MortalLife, World, dying_quietly
from projections.views.timeline import line_of

__all__ = ["CrashReport", "Scenario", "assert_survives_crashes"]

SHOWN_LINES = 40


class CrashReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was tried: appends and effects of the scenario, and how many lives were ended."""

    appends: int
    effects: int
    crashes: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"survived {self.crashes} crashes, before and after each of {self.appends} appends "
            f"and {self.effects} effects, in {self.seconds:.1f} s"
        )


def assert_survives_crashes(  # noqa: PLR0913 - independent switches of a test
    scenario: Scenario,
    *,
    only: str = "",
    every: int = 1,
    twice: bool = False,
    fresh: Callable[[], object] | None = None,
    check: Callable[[], object] | None = None,
    answers_may_differ: Collection[str] = (),
    timeout_s: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
    **options: Unpack[RuntimeOptions],
) -> CrashReport:
    """Crash a scenario everywhere; see the module. Blocks; some 20 ms for each place.

    `options` are those of `open_runtime`; the store is one in memory. `only` is one place, as a
    failure names it (`append:7:before`); `every=3` tries a third of them. With `twice` the next
    life dies as well, after its first append. `progress` is told how many of how many were tried;
    without it a terminal shows that.

    `fresh` is called before each playing, `check` after it; what `check` raises, or False, is a
    failure. A tool that is `safe` or `idempotent` must answer the same when it is run
    again, unless it is named in `answers_may_differ` (a clock). The scenario must return the same
    after each crash, unless a call ended with an unknown outcome: then the model was told so.

    Raises:
        AssertionError: a guarantee is broken, the scenario does not come to its end, or no crash
            was tried; it says where the process died and shows the log.
        ValueError: `only` is no place.
        Exception: what the scenario itself raises without a crash.
    """
    begun = time.monotonic()
    points = [CrashPoint.parse(only)] if only else []
    own = _OwnWorld(fresh, check, frozenset(answers_may_differ))
    trial = _Trial(LifeRunner(scenario, options, timeout_s), own)
    counted = trial.play_whole()
    points = points or _points(counted)[::every]
    tell = progress or _shown_progress()
    crashes = 0
    for number, point in enumerate(points, start=1):
        crashes += trial.crash(point, twice=twice)
        tell(number, len(points))
    if not crashes:
        tried = f"{only} is not reached" if only else "no crash was tried"
        raise AssertionError(f"{tried}: the scenario has {_amount(counted)}")
    return CrashReport(
        appends=counted["append"],
        effects=counted["effect"],
        crashes=crashes,
        seconds=time.monotonic() - begun,
    )


def _points(counted: Mapping[str, int]) -> list[CrashPoint]:
    return [
        CrashPoint(place, number, when)
        for place in ("append", "effect")
        for number in range(1, counted[place] + 1)
        for when in ("before", "after")
    ]


def _amount(counted: Mapping[str, int]) -> str:
    return f"{counted['append']} appends and {counted['effect']} effects"


@dataclass(frozen=True)
class _OwnWorld:
    """What tools do to the world beside the store, as the caller knows it."""

    fresh: Callable[[], object] | None
    check: Callable[[], object] | None
    answers_may_differ: frozenset[str]

    def new(self) -> World:
        if self.fresh:
            self.fresh()
        return World(MemoryEventStore())

    def faults(self, world: World) -> list[str]:
        found = other_answers(world.runs, self.answers_may_differ)
        try:
            if self.check and self.check() is False:
                found.append("`check` is False")
        except Exception as error:  # noqa: BLE001 - where the process died must be said
            found.append(f"`check` fails: {str(error).strip() or type(error).__name__}")
        return found


class _Trial:
    """One scenario, played in one world after the other."""

    def __init__(self, runner: LifeRunner, own: _OwnWorld) -> None:
        self._runner = runner
        self._own = own
        self._expected: object = None

    def play_whole(self) -> dict[str, int]:
        """Without a crash; how many appends and effects there are."""
        world = self._own.new()
        life = self._runner.new_life(world)
        self._expected = self._runner.run_to_the_end(life)
        _require(world, self._own.faults(world), "without a crash")
        return life.counted

    def crash(self, point: CrashPoint, *, twice: bool) -> int:
        """Die at `point`, come back, go to the end, check everything; how many lives ended."""
        world = self._own.new()
        deaths = [point, CrashPoint("append", 1, "after")] if twice else [point]
        where = f"after a crash at {point}" + (" and another after the next append" * twice)
        crashes, faults, late = 0, list[str](), None
        for death in deaths:
            life = self._runner.new_life(world, death)
            with dying_quietly():
                error = self._runner.run(life, on_open=_too_late(world, late, faults))
            if error is not None and not life.died.is_set():
                raise AssertionError(_told(world, [f"it fails: {error!r}"], where)) from error
            if life.died.is_set():
                crashes += 1
                world.note_death(str(death))
            late = life.in_flight
            faults += _lost(world, life)
        faults += self._last_life(world, _too_late(world, late, faults), where)
        _require(world, [*faults, *self._own.faults(world)], where)
        return crashes

    def _last_life(
        self, world: World, on_open: Callable[[], None], where: str
    ) -> Iterator[str] | list[str]:
        life = self._runner.new_life(world)
        try:
            result = self._runner.run_to_the_end(life, on_open=on_open)
        except Exception as error:
            told = _told(world, [f"2. it does not come to its end: {error!r}"], where)
            raise AssertionError(told) from error
        if self._expected is None or result == self._expected or _was_told_unknown(world):
            return []
        return [f"2. it returned {result!r}, and {self._expected!r} without a crash"]


def _was_told_unknown(world: World) -> bool:
    """The model has heard what it does not hear without a crash, so it may say something else."""
    return any(isinstance(one.event, ToolCallOutcomeUnknown) for one in world.everything())


def _lost(world: World, life: MortalLife) -> list[str]:
    """What subscribers of a life have heard of and the log does not have."""
    durable = {_place(one): one.event for one in world.everything()}
    return [
        f"1. {one.event_type} at version {one.stream_version} of {one.stream_id} was told and lost"
        for one in life.heard
        if durable.get(_place(one)) != one.event
    ]


def _place(one: RecordedEvent[object]) -> tuple[str, int, int]:
    return one.stream_id, one.stream_version, one.part


def _too_late(world: World, request: Any, faults: list[str]) -> Callable[[], None]:
    """An append that a dead process had in flight arrives when another has taken over."""

    def submit() -> None:
        if request is None:
            return
        try:
            written: Appended = world.store.append(request)
        except Fenced:
            return
        faults.append(f"6. a process that was replaced has written up to {written.last_position}")

    return submit


def _require(world: World, faults: Sequence[str], where: str) -> None:
    found = [*faults, *world.faults, *broken_guarantees(world.everything(), world.runs)]
    if found:
        raise AssertionError(_told(world, found, where))


def _told(world: World, faults: Sequence[str], where: str) -> str:
    recorded = world.everything()
    shown = recorded[-SHOWN_LINES:]
    left_out = len(recorded) - len(shown)
    lines = [f"  ({left_out} earlier events)"] if left_out else []
    deaths = list(world.deaths)
    for one in shown:
        while deaths and deaths[0][0] < one.global_position:
            lines.append(f"  --- here the process died: {deaths.pop(0)[1]} ---")
        line = line_of(one)
        lines.append(f"  {line.global_position:>4} {line.stream_id:<16} {line.sentence}")
    lines += [f"  --- here the process died: {name} ---" for _, name in deaths]
    numbers = "(numbers: the guarantees of mentra_actors.testing.guarantees)"
    said = [f"- {fault}" for fault in faults]
    return "\n".join([f"{where}: {numbers}", *said, "The log:", *lines])


def _shown_progress() -> Callable[[int, int], None]:
    if not sys.stderr.isatty():
        return lambda _number, _count: None

    def show(number: int, count: int) -> None:
        end = "\n" if number == count else ""
        sys.stderr.write(f"\r{number} of {count} crashes{end}")
        sys.stderr.flush()

    return show
