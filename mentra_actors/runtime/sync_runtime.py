"""The blocking face, for scripts: the same as `runtime`, without `await`."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, Unpack

from mentra_actors.actors.dead_letters import DeadLetter
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.task_board import BoardState
from mentra_actors.domain.team import TeamState
from mentra_actors.effects.live import LiveNotice, Subscription
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, StreamId, agent_stream
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.kept_views import KeptViews, followed_views
from mentra_actors.runtime.operations import Operations, member_id
from mentra_actors.runtime.profiles import SpawnOptions, profile_of
from mentra_actors.runtime.run_watch import Reply
from mentra_actors.runtime.settings import RuntimeOptions, RuntimeSettings
from projections.contract import Projection, fold_view
from projections.transcript import transcript_items
from projections.transcript_item import TranscriptItem

__all__ = ["SyncAgent", "SyncRuntime", "open_runtime_sync"]

T = TypeVar("T")
V = TypeVar("V")


@contextmanager
def open_runtime_sync(
    path: str | Path, **options: Unpack[RuntimeOptions]
) -> Iterator["SyncRuntime"]:
    """`open_runtime` for programs without an event loop; the same arguments and errors."""
    core = RuntimeCore(RuntimeSettings(path=path, **options))
    try:
        yield SyncRuntime(Operations(core))
    finally:
        core.close()


class SyncAgent:
    """One agent of a running team; see `Agent`. Every call blocks until it is answered.

    A call from an actor or loop thread raises RuntimeError: it would wait for itself. After
    `timeout_s` seconds (None: never) `TimeoutError` is raised, and the work goes on.
    """

    def __init__(self, name: str, agent_id: AgentId, operations: Operations) -> None:
        """Made by `SyncRuntime.spawn` and `SyncRuntime.agent`."""
        self.name = name
        self.agent_id = agent_id
        self._operations = operations

    def __repr__(self) -> str:
        return f"SyncAgent({self.name!r})"

    def send(
        self, text: str, *, prompt_id: str | None = None, timeout_s: float | None = None
    ) -> Reply:
        """See `Agent.send`."""
        operations = self._operations
        return _result(
            operations, lambda: operations.send(self.agent_id, text, prompt_id), timeout_s
        )

    def cancel(self, reason: str = "cancelled") -> None:
        """See `Agent.cancel`."""
        _result(self._operations, lambda: self._operations.cancel(self.agent_id, reason))

    def stop(self) -> None:
        """See `Agent.stop`."""
        _result(self._operations, lambda: self._operations.stop(self.agent_id))

    def mail(self, body: str) -> None:
        """See `Agent.mail`."""
        _result(self._operations, lambda: self._operations.mail(self.agent_id, body))

    def state(self) -> AgentState:
        """See `Agent.state`."""
        return _result(self._operations, lambda: self._operations.agent_state(self.agent_id))

    def transcript(self, *, at_version: int | None = None) -> Sequence[TranscriptItem]:
        """See `Agent.transcript`."""
        journal = self._operations.core.journal
        return transcript_items(journal, agent_stream(self.agent_id), through_version=at_version)


class SyncRuntime:
    """A running team; see `Runtime`. Made by `open_runtime_sync`; safe from any thread."""

    def __init__(self, operations: Operations) -> None:
        """Made by `open_runtime_sync`."""
        self._operations = operations

    @property
    def resumed(self) -> Sequence[StreamId]:
        """See `Runtime.resumed`."""
        return self._operations.core.resumed

    def spawn(
        self,
        name: str,
        *,
        model: str,
        prompt: str = "",
        reuse: bool = False,
        **options: Unpack[SpawnOptions],
    ) -> SyncAgent:
        """See `Runtime.spawn`."""
        profile = profile_of(self._operations.core.settings.team, name, model, options)
        operations = self._operations
        agent_id = _result(
            operations, lambda: operations.spawn(profile, prompt=prompt, reuse=reuse)
        )
        return SyncAgent(name, agent_id, operations)

    def agent(self, name: str) -> SyncAgent:
        """See `Runtime.agent`."""
        team = self.team()
        return SyncAgent(name, member_id(team, name), self._operations)

    def team(self) -> TeamState:
        """See `Runtime.team`."""
        return _result(self._operations, self._operations.team)

    def board(self) -> BoardState:
        """See `Runtime.board`."""
        return _result(self._operations, self._operations.board)

    def until_idle(self, *, timeout_s: float | None = None) -> None:
        """See `Runtime.until_idle`."""
        _result(self._operations, self._operations.idle, timeout_s)

    def view(self, projection: Projection[V], *, at_position: int | None = None) -> dict[str, V]:
        """See `Runtime.view`."""
        return fold_view(projection, self._operations.core.journal.through(at_position))

    def project(self, *projections: Projection[Any]) -> KeptViews:
        """See `Runtime.project`."""
        core = self._operations.core
        return core.keep_open(followed_views(core.store, core.settings.path, projections))

    def on_recorded(self, call: Callable[[tuple[RecordedEvent[Any], ...]], None]) -> Subscription:
        """See `Runtime.on_recorded`."""
        return self._operations.core.recorded.subscribe(call)

    def on_live(self, call: Callable[[LiveNotice], None]) -> Subscription:
        """See `Runtime.on_live`."""
        return self._operations.core.live.subscribe(call)

    def dead_letters(self) -> Sequence[DeadLetter]:
        """See `Runtime.dead_letters`."""
        return self._operations.core.directory.dead_letters()

    def redrive(self, stream_id: StreamId) -> int:
        """See `Runtime.redrive`."""
        return self._operations.core.directory.redrive(stream_id)


def _result(
    operations: Operations, begin: "Callable[[], Future[T]]", timeout_s: float | None = None
) -> T:
    """Begin and wait; on a thread that must not wait nothing is begun."""
    if operations.core.on_actor_thread():
        raise RuntimeError(
            "a blocking call on an actor or loop thread would wait for itself; "
            "use the asynchronous runtime, or another thread"
        )
    return begin().result(timeout_s)
