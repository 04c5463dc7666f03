"""An answer while it is being given."""

from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Future

import anyio

from mentra_actors.effects.models.live import LiveNotice
from mentra_actors.runtime.agents.run_watch import Reply
from mentra_actors.runtime.awaiting import thread_safe_call, wait_for

__all__ = ["LiveReply"]

KEPT_NOTICES = 10_000


class LiveReply:
    """Iterate over it for the pieces of an answer; `await result()` for the whole.

    Made on the event loop that iterates; notices come from the effects loop.
    """

    def __init__(self) -> None:
        """Made by `Agent.stream`."""
        self._notices: deque[LiveNotice] = deque(maxlen=KEPT_NOTICES)
        self._more = anyio.Event()
        self._call = thread_safe_call()
        self._reply: Future[Reply] | None = None

    def take(self, notice: LiveNotice) -> None:
        """Subscriber of the notices of the agent. On the effects loop."""
        self._notices.append(notice)
        self._call(self._wake)

    def attach(self, reply: "Future[Reply]") -> None:
        """Iteration ends when this future is done."""
        self._reply = reply
        reply.add_done_callback(lambda _reply: self._call(self._wake))

    def _wake(self) -> None:
        self._more.set()

    async def result(self) -> Reply:
        """The whole answer; see `Agent.send` for what it raises."""
        if self._reply is None:
            raise RuntimeError("use it inside `async with agent.stream(...)`")
        return await wait_for(self._reply)

    async def __aiter__(self) -> AsyncIterator[LiveNotice]:
        """Notices as they come, until the answer is whole."""
        while True:
            is_whole = self._reply is None or self._reply.done()  # asked before the last fetch
            while self._notices:
                yield self._notices.popleft()
            if is_whole:
                return
            await self._more.wait()
            self._more = anyio.Event()
