"""What holds of every upcaster, checked against events that were really stored.

    check_upcasters(CODEC, [("lease.renewed.v1", payload), ...])

Take the samples from logs that the older release wrote; rows of tags that are still current are
passed over, so a whole log will do.
"""

from collections.abc import Iterable

from mentra_actors.codec.event_codec import EventCodec
from mentra_actors.envelope import RetiredEvent, UnknownEvent

__all__ = ["check_upcasters"]


def check_upcasters(codec: EventCodec, samples: Iterable[tuple[str, bytes]]) -> None:
    """Every older tag has a sample, and the present release understands each of them.

    `samples` are stored tags with their bytes. What comes out is of current types, can be stored
    and read again, and is the same each time.

    Raises:
        AssertionError: it says which tag, and why.
    """
    met: set[str] = set()
    for event_type, payload in samples:
        if event_type in codec.older_tags:
            _check_sample(codec, event_type, payload)
            met.add(event_type)
    missing = sorted(codec.older_tags - met)
    assert not missing, f"no stored event shows what the upcasters of {missing} do"


def _check_sample(codec: EventCodec, event_type: str, payload: bytes) -> None:
    events = codec.decode(event_type, payload)
    assert repr(codec.decode(event_type, payload)) == repr(events), (
        f"{event_type!r} is read in two ways: its upcaster is not pure"
    )
    for event in events:
        if isinstance(event, RetiredEvent):
            continue
        assert not isinstance(event, UnknownEvent), f"{event_type!r} is lost: {event.reason}"
        back = codec.decode(*codec.encode(event))
        assert repr(back) == repr((event,)), f"{event_type!r} becomes {event!r}, then {back!r}"
