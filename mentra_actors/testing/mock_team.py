"""What both faces of a mock runtime share: lives on one store, and reading what has happened."""

from collections.abc import Sequence
from typing import Any, TypedDict

from mentra_actors.domain.agent.events import AgentSpawned
from mentra_actors.domain.content import ToolResultBlock, ToolResultsMessage
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Performer
from mentra_actors.ids import StreamId
from mentra_actors.providers.script import Script
from mentra_actors.providers.scripted import ScriptedModel
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.operations import Operations
from mentra_actors.runtime.settings import RuntimeOptions, settings_of
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.opening import MEMORY
from mentra_actors.store.ports import EventStore
from mentra_actors.testing.failing_store import FailingStore
from mentra_actors.testing.guarantees import broken_guarantees
from mentra_actors.testing.manual_clock import ManualClock
from mentra_actors.testing.mortal_life import MortalLife, World, dying_quietly
from projections.views.timeline import line_of
from projections.views.transcript import transcript_items
from projections.views.transcript_item import ItemContent

__all__ = ["MockTeam", "Wanted", "seconds_of"]

SHOWN_LINES = 20


class Wanted(TypedDict, total=False):
    """Which events: of the agent of this name, at least so many, within so many seconds."""

    agent: str | None
    count: int
    within_s: float


class MockTeam:
    """One store and one scripted model, with a runtime that can die and be opened again.

    Reading is safe from any thread, and tells of all lives together.
    """

    def __init__(
        self, turns: Script | ScriptedModel, store: EventStore | None, options: RuntimeOptions
    ) -> None:
        """Opens nothing.

        Raises:
            TypeError: the store is to be wrapped.
        """
        if "wrap_store" in options:
            raise TypeError("a mock runtime takes its store as `store=…`, and no wrap_store")
        self.model = turns if isinstance(turns, ScriptedModel) else ScriptedModel(turns)
        """The scripted model; agents without a model of their own ask it by their name."""
        self.world = World(MemoryEventStore() if store is None else store)
        """What outlives a crash: the store, and what tools have done (`world.runs`)."""
        self.clock: Clock = options.get("clock", SystemClock())
        """A `ManualClock` if one was passed as `clock`; else time passes as it does."""
        self._options = options
        self._retry = {tool.name: tool.retry for tool in options.get("tools", ())}
        self._life: MortalLife
        self._core: RuntimeCore

    # --- lives ----------------------------------------------------------------------------

    def _open(self) -> Operations:
        store = self.world.store
        if isinstance(store, FailingStore) and store.is_dead:
            store.recover()
        life = MortalLife(self.world, None, retry_of=lambda name: self._retry.get(name, ""))
        wrap: Any = self._options.get("wrap_effects", lambda perform: perform)

        def wrap_effects(perform: Performer) -> Performer:
            return life.wrap_effects(wrap(perform))

        options: RuntimeOptions = {
            "close_grace_s": 0.0,
            **self._options,
            "clock": self.clock,
            "providers": [self.model, *self._options.get("providers", ())],
            "wrap_store": life.wrap_store,
            "wrap_effects": wrap_effects,
        }
        self._life, self._core = life, RuntimeCore(settings_of(MEMORY, options))
        return Operations(self._core)

    def _die(self) -> None:
        self._life.died.set()
        self.world.note_death("crash")
        with dying_quietly():
            self._core.close()

    def _close(self) -> None:
        self._core.close()

    # --- what has happened ----------------------------------------------------------------

    def events(self, *kinds: type[object], agent: str | None = None) -> list[Any]:
        """Events of these classes, or all, oldest first; of one agent, by its first name."""
        stream_id = None if agent is None else self._stream_of(agent)
        return [
            one.event
            for one in self.world.everything()
            if stream_id in (None, one.stream_id) and isinstance(one.event, kinds or object)
        ]

    def steps(self, agent: str = "lead") -> list[str]:
        """Names of the events of one agent."""
        return [type(event).__name__ for event in self.events(agent=agent)]

    def timeline(self) -> list[str]:
        """What has happened, a sentence for each event."""
        lines = map(line_of, self.world.everything())
        return [f"{line.stream_id}: {line.sentence}" for line in lines]

    def transcript(self, agent: str = "lead", *kinds: type[ItemContent]) -> list[ItemContent]:
        """What people read of one agent, oldest first; of these classes, or all of it.

        The classes are those of `projections.views.transcript_item`.
        """
        items = transcript_items(self.world.journal, self._stream_of(agent))
        return [one.content for one in items if not kinds or isinstance(one.content, kinds)]

    def _stream_of(self, agent: str) -> StreamId:
        for one in self.world.everything():
            if isinstance(one.event, AgentSpawned) and one.event.profile.name == agent:
                return one.stream_id
        raise LookupError(f"no agent was made with the name {agent!r}")

    # --- what the model was asked ---------------------------------------------------------

    @property
    def requests(self) -> list[ModelRequest]:
        """What the scripted model was asked, oldest first, failed calls too."""
        return self.model.asked

    def requests_of(self, agent: str) -> list[ModelRequest]:
        """The requests of one agent, which asks for the model `scripted:{name}`."""
        return [request for request in self.requests if request.model == agent]

    def results(self, agent: str | None = None) -> list[ToolResultBlock]:
        """What the model was told of the calls of its last round, in its order."""
        asked = self.requests if agent is None else self.requests_of(agent)
        for message in reversed(asked[-1].messages if asked else ()):
            if isinstance(message, ToolResultsMessage):
                return list(message.results)
        return []

    def assert_complete(self) -> None:
        """See `ScriptedModel.assert_complete`."""
        self.model.assert_complete()

    def assert_guarantees(self) -> None:
        """Nothing acknowledged is lost or doubled, over all lives; see `guarantees`.

        Raises:
            AssertionError: a guarantee is broken; the message says which, and shows the log.
        """
        faults = broken_guarantees(self.world.everything(), self.world.runs)
        if faults := [*self.world.faults, *faults]:
            raise AssertionError("\n".join([*faults, "The log:", *self.timeline()]))

    # --- time -----------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake whoever has waited for it.

        Raises:
            TypeError: the runtime was not given a `ManualClock`.
        """
        if not isinstance(self.clock, ManualClock):
            raise TypeError("only a ManualClock can be advanced: pass `clock=ManualClock()`")
        self.clock.advance(seconds)

    def _has(self, kinds: tuple[type[object], ...], wanted: Wanted) -> bool:
        try:
            found = self.events(*kinds, agent=wanted.get("agent"))
        except LookupError:
            return False
        return len(found) >= wanted.get("count", 1)

    def _missed(self, kinds: Sequence[type[object]], wanted: Wanted) -> TimeoutError:
        names = ", ".join(kind.__name__ for kind in kinds)
        shown = "\n".join(self.timeline()[-SHOWN_LINES:])
        return TimeoutError(
            f"{wanted.get('count', 1)} of {names} have not come; the end of the log:\n{shown}"
        )


def seconds_of(wanted: Wanted) -> float:
    """How long to wait for what is wanted."""
    return wanted.get("within_s", 10.0)
