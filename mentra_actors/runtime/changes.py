"""To hear that something about a stream has changed, and look again."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from mentra_actors.ids import StreamId
from mentra_actors.runtime.core import RuntimeCore

__all__ = ["changes_of"]


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
