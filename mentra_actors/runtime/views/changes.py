"""To hear that something about an agent has changed, and look again."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager

import anyio

from mentra_actors.ids import AgentId, agent_stream, background_stream, team_stream
from mentra_actors.runtime.awaiting import thread_safe_call
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.views.snapshots import AgentSnapshot

__all__ = ["changes_of", "first_wanted"]


@contextmanager
def changes_of(
    core: RuntimeCore, agent_id: AgentId, on_change: Callable[[], None]
) -> Iterator[None]:
    """Call `on_change` for what a snapshot of the agent may show, and for trouble; any thread."""
    agent = agent_stream(agent_id)
    beside = (background_stream(agent_id), team_stream(core.settings.team))
    with ExitStack() as ends:
        for stream_id in (agent, *beside):
            ends.callback(core.recorded.subscribe(lambda _: on_change(), topic=stream_id))
        ends.callback(core.live.subscribe(lambda _: on_change(), topic=agent))
        ends.callback(core.trouble.subscribe(lambda _: on_change()))
        yield


async def first_wanted(
    core: RuntimeCore,
    agent_id: AgentId,
    look: Callable[[], Awaitable[AgentSnapshot]],
    is_wanted: Callable[[AgentSnapshot], bool],
) -> AgentSnapshot:
    """The first snapshot that is wanted; see `Agent.wait_for_snapshot`."""
    call, more = thread_safe_call(), anyio.Event()
    with changes_of(core, agent_id, lambda: call(more.set)):
        while True:
            more = anyio.Event()
            snapshot = await look()
            if is_wanted(snapshot):
                return snapshot
            await more.wait()
