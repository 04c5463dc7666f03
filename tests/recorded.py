"""To wait for what is recorded, also where that was before anybody could listen."""

__all__ = ["until_recorded"]

_WAIT_S = 20.0


def until_recorded(runtime, stream_id, is_enough):
    """Return when `is_enough` is true of the events of the stream. Blocks."""
    core = runtime._operations.core
    while True:
        position = core.store.last_position()
        if is_enough([one.event for one in core.journal.read_stream(stream_id)]):
            return
        assert core.store.wait_for_position(position + 1, timeout_s=_WAIT_S) > position
