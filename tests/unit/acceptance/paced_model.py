"""A scripted model that a test leads from piece to piece, and an agent that has it."""

import threading
from contextlib import aclosing, asynccontextmanager

import anyio
import anyio.to_thread

from mentra_actors import ScriptedModel, open_runtime, tool
from mentra_actors.providers.port import ReplyFinished


class Gate:
    """Holds whoever comes, on any event loop, until the test lets one through."""

    def __init__(self):
        self._come, self._free = threading.Semaphore(0), threading.Semaphore(0)

    async def hold(self):
        """Say that somebody is here, and wait."""
        self._come.release()
        await _taken(self._free)

    async def reached(self):
        """Wait until somebody is held."""
        await _taken(self._come)

    def let_go(self):
        """Let one of those go who are held, or who come next."""
        self._free.release()


async def _taken(semaphore):
    got = await anyio.to_thread.run_sync(semaphore.acquire, True, 10.0, abandon_on_cancel=True)
    assert got, "nobody came, or nobody was let go"


def tool_at(gate):
    """A tool named `look` that is held at a gate while it runs."""

    @tool(retry="safe")
    async def look(place: str = "") -> str:
        """Look."""
        await gate.hold()
        return "a result"

    return look


class PacedModel(ScriptedModel):
    """It waits at its gate after each piece of its first answers, and keeps its requests."""

    def __init__(self, turns, *, held_answers=1, **options):
        super().__init__(turns, **options)
        self.gate = Gate()
        self.requests = []
        self._held_answers = held_answers

    async def stream(self, request):
        self.requests.append(request)
        is_held = len(self.requests) <= self._held_answers
        async with aclosing(super().stream(request)) as events:
            async for event in events:
                yield event
                if is_held and not isinstance(event, ReplyFinished):
                    await self.gate.hold()


@asynccontextmanager
async def agent_with(model, *tools, **profile):
    """An agent named `lead` in a team of its own."""
    async with open_runtime(
        ":memory:", tools=tools, providers=[model], durability="volatile"
    ) as runtime:
        yield await runtime.spawn("lead", model="scripted:lead", **profile)


async def history_of(agent, *, after=0):
    """Events of the agent's feed from a place on, through the end of its first run there."""
    events = []
    with anyio.fail_after(10):
        async with agent.events(after=after) as feed:
            async for item in feed:
                events.append(item.event)
                if type(item.event).__name__ in ("RunFinished", "RunFailed"):
                    break
    return events
