"""Plays the whole log of a store again with the ordinary runtime, in the order of its appends.

The store is an empty one in memory. What came from outside is asked of the actors again; what came
of an effect is told by the effect, which the runtime must have begun; letters are taken by the
agents themselves. Each happens when the log says that it was next, so the interleaving is the
recorded one. Nothing is performed: no model is asked, no tool and no command is run.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress

import msgspec

from mentra_actors.actors.messages import Accepted, Answer, Envelope, error_in
from mentra_actors.actors.restart_policy import RestartPolicy
from mentra_actors.domain.agent.commands import TakeMail
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected, MentraError
from mentra_actors.ids import EffectId, StreamId, category_of
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.replay.forgotten import are_the_same
from mentra_actors.runtime.replay.rebuild.tables import STREAM_RULES
from mentra_actors.runtime.replay.scratch_store import copied
from mentra_actors.runtime.replay.team_stage import AnsweredEffects, GatedStore, StandingClock
from mentra_actors.runtime.replay.verification import OtherDecision, difference_of, difference_to
from mentra_actors.runtime.replay.walk import Step, steps_of
from mentra_actors.runtime.settings import settings_of
from mentra_actors.store.journal import Journal
from mentra_actors.store.log_pages import stored_between
from mentra_actors.store.opening import MEMORY
from mentra_actors.store.ports import JournalReader

__all__ = ["PlayedStream", "TeamReplay", "team_played"]

_STEP_TIMEOUT_S = 60.0
_OWN = "lease"
"""Who writes the store is another process than the recorded one."""
_MANY = 1_000_000
_NOTHING_RECORDED = "nothing was recorded"


class PlayedStream(msgspec.Struct, frozen=True, kw_only=True):
    """Appends of one stream, by what became of them.

    Those of streams without an owner are `copied` as they were recorded. Those that come after the
    first difference of the stream are `left`: they are not played any more.
    """

    played: int = 0
    copied: int = 0
    left: int = 0


class TeamReplay(msgspec.Struct, frozen=True, kw_only=True):
    """What came of playing a log through `position` again.

    `differences` has the first one of each stream, in the order of the log: the first of all is
    what the others may come of. `untold` counts events that could not be played, by why. What a
    release since then is known to decide otherwise is in `known`, and copied as it was recorded.
    """

    position: int
    appends: int
    differences: tuple[OtherDecision, ...] = ()
    streams: Mapping[StreamId, PlayedStream] = {}
    untold: Mapping[str, int] = {}
    known: tuple[OtherDecision, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether the team did again what it had done, but for what is known.

        Event by event, with all ids and times.
        """
        return not self.differences


def team_played(reader: JournalReader, journal: Journal, through: int | None = None) -> TeamReplay:
    """Play a log up to a position (the end of an append; None: its present end). Blocks."""
    played = _PlayedLog(reader)
    with played.opened():
        for step in steps_of(journal.through(through)):
            played.take(step)
    return played.result()


class _PlayedLog:
    """One runtime for one log."""

    def __init__(self, reader: JournalReader) -> None:
        self._reader = reader
        self._store = GatedStore(reader)
        self._journal = Journal(self._store)
        self._clock = StandingClock()
        self._effects = AnsweredEffects()
        self._position = self._read_through = 0
        self._differences: dict[StreamId, OtherDecision] = {}
        self._known: list[OtherDecision] = []
        self._played: Counter[StreamId] = Counter()
        self._copied: Counter[StreamId] = Counter()
        self._left: Counter[StreamId] = Counter()
        self._untold: Counter[str] = Counter()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """The runtime for the length of a block."""
        settings = settings_of(
            MEMORY,
            {
                "resume": "none",
                "clock": self._clock,
                "memory_tools": False,
                "close_grace_s": 0.0,
                "max_model_calls": _MANY,
                "max_tool_runs": _MANY,
                "restart_policy": RestartPolicy(max_restarts=0),
                "wrap_store": lambda _store: self._store,
                "wrap_effects": self._effects.wrap,
            },
        )
        self._core = RuntimeCore(settings)
        try:
            yield
        finally:
            self._store.leave()
            self._core.close()

    def result(self) -> TeamReplay:
        """What came of what was taken so far."""
        streams = sorted({*self._played, *self._copied, *self._left})
        return TeamReplay(
            position=self._position,
            appends=self._played.total(),
            differences=tuple(self._differences.values()),
            streams={
                one: PlayedStream(
                    played=self._played[one], copied=self._copied[one], left=self._left[one]
                )
                for one in streams
            },
            untold=dict(self._untold),
            known=tuple(self._known),
        )

    def take(self, step: Step) -> None:
        """Play the next append of the log."""
        events = (*step.recorded, *step.beside)
        self._position = events[-1].global_position
        stream_id = step.stream_id
        if category_of(stream_id) == _OWN:
            return
        if stream_id in self._differences:
            self._left[stream_id] += 1
            return
        command = _command_of(step)
        has_owner = self._core.directory.has_owner(stream_id)
        if command is None or not has_owner or self._is_known(step):
            self._copy(step, events)
            return
        self._played[stream_id] += 1
        self._clock.moment = _moment(step)
        refusal = self._give(step, command)
        found = self._new_events()
        if not are_the_same([(one.stream_id, one.event) for one in events], found):
            self._differ(step, found, "" if found else refusal or _NOTHING_RECORDED)

    def _is_known(self, step: Step) -> bool:
        """Whether it is played otherwise today, and has to be."""
        if step.is_same or not (found := difference_of(step)).changes:
            return False
        self._known.append(found)
        return True

    def _differ(self, step: Step, found: Sequence[tuple[StreamId, object]], refusal: str) -> None:
        """A field that is known to be another one is no other way."""
        difference = difference_to(step, found, refusal)
        if difference.changes and difference.recorded == difference.decided:
            self._known.append(difference)
        else:
            self._differences[step.stream_id] = difference

    def _copy(self, step: Step, events: Sequence[RecordedEvent[object]]) -> None:
        self._copied[step.stream_id] += 1
        if step.decision is None:
            self._untold[f"{type(events[0].event).__name__}: {step.untold}"] += len(events)
        written = list(dict.fromkeys(one.stream_id for one in events))
        for stream_id in written:
            self._core.directory.adopt(stream_id)
        first, last = events[0].global_position, events[-1].global_position
        stored = list(stored_between(self._reader, first - 1, last))
        try:
            copied(self._store, stored)
        except MentraError as error:  # one of the streams has become another one
            self._differences[step.stream_id] = difference_to(step, (), str(error))
        for stream_id in written:
            self._core.directory.stream_was_written(stream_id)
            self._go_on(stream_id)
        self._new_events()

    def _go_on(self, stream_id: StreamId) -> None:
        """Let the owner of a stream begin what was written for it to do."""
        if not self._core.directory.has_owner(stream_id):
            return
        self._core.directory.wake(stream_id)
        with suppress(MentraError, TimeoutError):  # what it does not begin cannot end either
            self._core.look(stream_id).result(_STEP_TIMEOUT_S)

    def _give(self, step: Step, command: object) -> str:
        """Let it be decided by its owner; why nothing came of it, if that is known."""
        stream_id = step.stream_id
        effect_id = _ended_effect(step)
        try:
            if isinstance(command, TakeMail) and (inbox := _inbox_of(step)):
                self._store.show(inbox, command.through_version)
                self._core.directory.wake(stream_id)
                self._core.look(stream_id).result(_STEP_TIMEOUT_S)
            elif effect_id is None:
                self._ask(stream_id, command, step.recorded[0].causation)
            else:
                return self._tell(stream_id, effect_id, command)
        except (MentraError, TimeoutError) as error:
            return error.reason if isinstance(error, CommandRejected) else str(error)
        return ""

    def _ask(self, stream_id: StreamId, command: object, causation: str) -> None:
        future: Future[Accepted] = Future()

        def on_answer(answer: Answer) -> None:
            if isinstance(answer, Accepted):
                future.set_result(answer)
            else:
                future.set_exception(error_in(answer))

        envelope = Envelope(command, on_answer, causation=causation, is_outcome=True)
        self._core.directory.send(stream_id, envelope)
        future.result(_STEP_TIMEOUT_S)

    def _tell(self, stream_id: StreamId, effect_id: EffectId, command: object) -> str:
        """Let an effect end, which the stream must have asked for."""
        if effect_id not in self._core.effects.in_flight(stream_id):
            return f"{effect_id} was answered, and is not asked for now"
        place = (stream_id, effect_id)
        self._core.perform(self._effects.tell, place, command).result(_STEP_TIMEOUT_S)
        is_over = self._core.effects.wait_for_landing(stream_id, effect_id, _STEP_TIMEOUT_S)
        return "" if is_over else f"{effect_id} did not end in {_STEP_TIMEOUT_S:.0f} s"

    def _new_events(self) -> list[tuple[StreamId, object]]:
        """What was recorded since this was asked last, each event with its stream."""
        found = list(self._journal.between(self._read_through, self._store.last_position()))
        if found:
            self._read_through = found[-1].global_position
        return [(one.stream_id, one.event) for one in found if category_of(one.stream_id) != _OWN]


def _command_of(step: Step) -> object:
    return step.decision.command if step.decision else None


def _inbox_of(step: Step) -> StreamId | None:
    decider = STREAM_RULES[category_of(step.stream_id)].decider
    place = decider.follow.position(step.before) if decider.follow else None
    return None if place is None else place[0]


def _ended_effect(step: Step) -> EffectId | None:
    """The effect that has ended with this append, and gave its command."""
    pending = STREAM_RULES[category_of(step.stream_id)].decider.pending
    head = f"{step.stream_id}/"
    causation = step.recorded[0].causation
    if not causation.startswith(head):
        return None
    effect_id = EffectId(causation.removeprefix(head))
    is_over = effect_id in pending(step.before) and effect_id not in pending(step.after)
    return effect_id if is_over else None


def _moment(step: Step) -> float:
    """The time in the command; where it has none, that of the append (Unix seconds)."""
    now = getattr(_command_of(step), "now", None)
    return float(now) if now else step.recorded[0].recorded_at_ns / 1e9
