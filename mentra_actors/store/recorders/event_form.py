"""What of an event can be kept: the id of its aggregate, its topic, its state."""

from mentra_actors.ids import StreamId
from mentra_actors.store.append_plan import MAX_NAME_BYTES

__all__ = ["check_content", "sequence_stream"]


def sequence_stream(sequence: str, name: str) -> StreamId:
    """The stream of one aggregate in a sequence; its category is the sequence.

    Raises:
        ValueError: the names are too long for a stream.
    """
    category = sequence.replace("%", "%25").replace("-", "%2D")
    stream = f"{category}-{name}"
    excess = len(stream.encode()) - MAX_NAME_BYTES
    if excess > 0:
        raise ValueError(
            f"the id of an aggregate and the name of its application take at most "
            f"{MAX_NAME_BYTES} bytes together; {stream[:60]!r}… is {excess} bytes too long"
        )
    return StreamId(stream)


def check_content(topic: object, state: object) -> None:
    """Refuse what would be something else when it is read.

    Raises:
        TypeError: the topic is not text, or the state is not bytes.
    """
    if not isinstance(topic, str) or not isinstance(state, bytes):
        raise TypeError(
            f"an event has a topic of type str and a state of type bytes, not "
            f"{type(topic).__name__} and {type(state).__name__}"
        )
