"""To hear that something about a stream has changed, and look again."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import anyio

from mentra_actors.ids import StreamId
from mentra_actors.runtime.awaiting import thread_safe_call
from mentra_actors.runtime.core import RuntimeCore

__all__ = ["changes_of", "first_wanted"]

T = TypeVar("T")


async def first_wanted(
    core: RuntimeCore,
    stream_id: StreamId,
    look: Callable[[], Awaitable[T]],
    is_wanted: Callable[[T], bool],
) -> T:
    """What is seen of a stream, from now on and after each change, once it is wanted."""
    call, more = thread_safe_call(), anyio.Event()
    with changes_of(core, stream_id, lambda: call(more.set)):
        while True:
            more = anyio.Event()
            seen = await look()
            if is_wanted(seen):
                return seen
            await more.wait()


@contextmanager
def changes_of(
    core: RuntimeCore, stream_id: StreamId, on_change: Callable[[], None]
) -> Iterator[None]:
    """Call `on_change` for what is recorded, streamed or in trouble; on any thread."""
    with ExitStack() as ends:
        ends.callback(core.recorded.subscribe(lambda _: on_change(), topic=stream_id))
        ends.callback(core.live.subscribe(lambda _: on_change(), topic=stream_id))
        ends.callback(core.trouble.subscribe(lambda _: on_change()))
        yield
