"""Plays a recorded run again with the ordinary runtime: actors, codec, store, effects.

The store is one in memory that begins as the recorded one was just before the run, or before the
step from which it goes on live. The commands of the log are given to the agent's actor one after
the other, while nothing is performed. So no model is asked and no tool is run, and what is
recorded is what today's code makes of the same commands. From a step on the effects are let go.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import msgspec

from mentra_actors.domain.agent.commands import Configure, TakeMail
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.events import RunCancelled, RunFailed, RunFinished
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.transcript import Transcript, apply
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import RunId, StreamId, inbox_stream
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.replay.held_effects import HeldEffects, Unrecorded
from mentra_actors.runtime.replay.played_clock import PlayedClock
from mentra_actors.runtime.replay.recorded_tools import standing_tools
from mentra_actors.runtime.replay.scratch_store import ScratchStore, scratch_store
from mentra_actors.runtime.replay.scripts import RunScript
from mentra_actors.runtime.replay.walk import Step
from mentra_actors.runtime.settings import RuntimeOptions, settings_of
from mentra_actors.store.opening import MEMORY
from mentra_actors.store.ports import JournalReader

__all__ = ["Played", "PlayedOn", "played"]

_ENDS = RunFinished | RunFailed | RunCancelled
_STEP_TIMEOUT_S = 60.0


class PlayedOn(msgspec.Struct, frozen=True, kw_only=True):
    """How a run goes on live: from the model call with the number `live_from` of the run.

    `changes` are made to the agent before it. `unrecorded` says what becomes of a call that the
    log has no result for. After `timeout_s` seconds the run is left as it is (None: never).
    """

    live_from: int
    changes: ProfileChanges = ProfileChanges()
    unrecorded: Unrecorded = "refuse"
    timeout_s: float | None = 600.0


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What came of playing a run: the events of its agent, from the first one that was played.

    `known` are the recorded ones before them that belong to the run. `unmade` names the tools of
    calls that were on no log and were not made.
    """

    known: tuple[RecordedEvent[Any], ...]
    events: tuple[RecordedEvent[Any], ...]
    unmade: tuple[str, ...] = ()
    how: Literal["played", "live"] = "played"


def played(
    reader: JournalReader,
    script: RunScript,
    on: PlayedOn | None = None,
    options: RuntimeOptions | None = None,
) -> Played:
    """Play a run: to its recorded end, or live from a step on. Blocks.

    Raises:
        CommandRejected: a part of it cannot be played, or it has not so many steps.
    """
    first = 0 if on is None else script.step_of_call(on.live_from)
    steps = script.steps[first:] if on is None else script.steps[first : first + 1]
    _require_told(steps)
    stage = _Stage(reader, script, first, on, options or {})
    with stage.opened():
        stage.take_over()
        if on is not None and on.changes != ProfileChanges():
            stage.give(Configure(changes=on.changes, now=stage.clock.now()))
        for step in steps:
            stage.give(step.decision.command if step.decision else None)
        if on is not None:
            stage.go_on(on.timeout_s)
        events = stage.events()
    known = tuple(one for step in script.steps[:first] for one in step.recorded)
    how: Literal["played", "live"] = "played" if on is None else "live"
    return Played(known=known, events=events, unmade=tuple(stage.held.unmade), how=how)


def _require_told(steps: Sequence[Step]) -> None:
    for step in steps:
        if step.decision is None:
            raise CommandRejected(
                f"the append at position {step.position} cannot be played: {step.untold}"
            )


class _Stage:
    """One runtime for one run."""

    def __init__(
        self,
        reader: JournalReader,
        script: RunScript,
        first: int,
        on: PlayedOn | None,
        options: RuntimeOptions,
    ) -> None:
        self._script = script
        self._step = script.steps[first]
        self._stream_id = script.stream_id
        self._inbox = inbox_stream(script.agent_id)
        began = self._step.recorded[0]
        self.clock = PlayedClock(began.recorded_at_ns / 1e9)
        self.store: ScratchStore = scratch_store(reader, began.global_position - 1, self._inbox)
        self._version = self.store.stream_version(self._stream_id)
        tools = standing_tools(script, options.get("tools", ()))
        self.held = HeldEffects(
            self._stream_id,
            self.clock,
            calls=script.calls_from(first),
            unrecorded="refuse" if on is None else on.unrecorded,
            tools=tuple(one.name for one in tools),
        )
        chosen: RuntimeOptions = {
            **options,
            "tools": tools,
            "resume": "none",
            "clock": self.clock,
            "wrap_store": lambda _store: self.store,
            "wrap_effects": self.held.wrap,
        }
        self._settings = settings_of(MEMORY, chosen)
        self._ended = threading.Event()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """The runtime for the length of a block."""
        self._core = RuntimeCore(self._settings)
        self._core.recorded.subscribe(self._look, topic=self._stream_id)
        self._core.trouble.subscribe(lambda _error: self._ended.set())
        try:
            yield
        finally:
            self._core.close()

    def _look(self, recorded: Iterable[RecordedEvent[object]]) -> None:
        if any(_ends(one, self._stream_id, self._script.run_id) for one in recorded):
            self._ended.set()

    def take_over(self) -> None:
        """Be the process that performs what is open: nobody has died."""
        recorded = self._core.journal.read_stream(self._stream_id)
        events = [one.event for one in recorded]
        transcript = Transcript()
        for event in events:
            transcript = apply(transcript, event)
        for effect_id, effect in AGENT.pending(AGENT.fold(events)).items():
            self._core.effects.ensure_started(self._stream_id, effect_id, effect, transcript)

    def give(self, command: object) -> None:
        """Let the agent decide a command."""
        if isinstance(command, TakeMail):
            self.store.deliver(command.through_version)
        self._core.ask(self._stream_id, command).result(_STEP_TIMEOUT_S)

    def go_on(self, timeout_s: float | None) -> None:
        """Perform what waits until the run has ended."""
        self.store.open_inbox()
        self._core.perform(self.held.let_go).result(_STEP_TIMEOUT_S)
        self._ended.wait(None if timeout_s is None else min(timeout_s, threading.TIMEOUT_MAX))

    def events(self) -> tuple[RecordedEvent[Any], ...]:
        """What the agent has recorded on this stage."""
        return tuple(self._core.journal.read_stream(self._stream_id, after=self._version))


def _ends(one: RecordedEvent[Any], stream_id: StreamId, run_id: RunId) -> bool:
    is_end = one.stream_id == stream_id and isinstance(one.event, _ENDS)
    return is_end and one.event.run_id == run_id
