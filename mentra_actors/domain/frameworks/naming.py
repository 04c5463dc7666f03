"""What a stream of another framework is called there."""

import msgspec

__all__ = ["StreamNamed"]


class StreamNamed(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="frameworks.stream_named.v1",
):
    """The stream belongs to these names, which were too long for its id; its first event."""

    names: tuple[str, ...]
