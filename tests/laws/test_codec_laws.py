"""What holds of stored bytes: they come back, and nothing in them can stop a log from opening."""

import msgspec
import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.codec.event_codec import CODEC, EventCodec, tag_of
from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.codec.snapshot_codec import SnapshotCodec
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.lease import LEASE, LeaseReleased
from mentra_actors.domain.team import TEAM
from mentra_actors.envelope import SkippedEvent, UnknownEvent
from mentra_actors.testing.strategies import instances

TAGS = [tag_of(event_type) for event_type in EVENT_TYPES]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
any_event = st.sampled_from(EVENT_TYPES).flatmap(instances)


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_every_stored_type_comes_back_as_it_was(event_type):
    """A field that is lost is lost for ever; only what is a default may be left out."""
    stored_always = {
        field.name
        for field in msgspec.structs.fields(event_type)
        if field.required or not event_type.__struct_config__.omit_defaults
    }

    @forall(instances(event_type))
    def round_trip(event):
        tag, payload = CODEC.encode(event)
        [back] = CODEC.decode(tag, payload)

        assert back == event
        assert CODEC.decode_current(tag, payload) == event
        assert stored_always <= set(msgspec.msgpack.decode(payload))
        assert set(msgspec.msgpack.decode(payload)) <= set(event_type.__struct_fields__)
        assert type(back) is event_type
        assert repr(CODEC.decode(*CODEC.encode(back))) == repr((back,))

    round_trip()


@forall(st.sampled_from(TAGS) | st.text(max_size=20), st.binary(max_size=60))
def test_decoding_never_raises(tag, payload):
    """One unreadable event must not keep a whole team from opening, and its bytes are kept."""
    [event] = CODEC.decode(tag, payload)
    if isinstance(event, SkippedEvent):
        assert (event.event_type, event.payload) == (tag, payload)
        assert CODEC.encode(event) == (tag, payload)
        assert CODEC.decode_current(tag, payload) is None
    else:
        assert tag in TAGS
        assert CODEC.decode_current(tag, payload) == event


@forall(any_event, st.data())
def test_damaged_bytes_never_raise(event, data):
    """A flipped or cut byte inside a real event reaches deeper code than noise does."""
    tag, payload = CODEC.encode(event)
    place = data.draw(st.integers(0, len(payload) - 1))
    damaged = payload[:place] + data.draw(st.binary(max_size=3)) + payload[place + 1 :]

    CODEC.decode(data.draw(st.sampled_from([tag, *TAGS])), damaged)
    CODEC.decode(tag, payload[:place])


@pytest.mark.parametrize("nest", [b"\x91", b"\x81\xa1a"], ids=["lists", "maps"])
def test_deeply_nested_bytes_never_raise(nest):
    """An unknown field that nests too deep is damage too, not a reason to die at every start."""
    payload = b"\x82\xa5epoch\x01\xa5later" + nest * 100_000 + b"\xc0"
    [event] = CODEC.decode("lease.released.v1", payload)

    assert isinstance(event, UnknownEvent)
    assert event.payload == payload


@forall(any_event, st.dictionaries(st.text(min_size=1, max_size=8), json_values, max_size=3))
def test_unknown_fields_of_a_later_release_are_ignored(event, extra):
    """A log that a later release appended to must open in the one before it."""
    tag, payload = CODEC.encode(event)
    known = msgspec.msgpack.decode(payload)
    later = {**{f"later_{name}": value for name, value in extra.items()}, **known}

    assert CODEC.decode(tag, msgspec.msgpack.encode(later)) == (event,)


def test_the_list_of_types_names_each_tag_once():
    """Two types under one tag would read each other's events."""
    assert len(set(TAGS)) == len(TAGS)
    assert all(tag.rpartition(".v")[2].isdigit() for tag in TAGS)
    with pytest.raises(ValueError, match="two event types"):
        EventCodec([LeaseReleased, LeaseReleased])


def test_a_type_outside_of_the_list_cannot_be_stored():
    """What nobody can read back must not be written."""

    class Stray(msgspec.Struct, frozen=True, tag="lease.released.v1"):
        epoch: int

    class Untagged(msgspec.Struct, frozen=True):
        epoch: int

    for stray in (Stray(1), Untagged(1)):
        with pytest.raises(TypeError):
            CODEC.encode(stray)


# --- state snapshots --------------------------------------------------------------------------


@pytest.mark.parametrize("decider", [AGENT, BOARD, TEAM, LEASE], ids=lambda d: d.category)
def test_a_foreign_snapshot_is_dropped(decider):
    """A snapshot only saves time; one in another shape must not stop an actor."""
    codec = SnapshotCodec(decider.initial)

    @forall(st.binary(max_size=60))
    def decoding(payload):
        assert isinstance(codec.decode(payload), type(decider.initial) | None)

    decoding()
    nested = b"\x81\xa5later" + b"\x91" * 100_000 + b"\xc0"
    assert codec.decode(nested) is None
