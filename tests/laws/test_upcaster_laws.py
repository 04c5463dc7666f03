"""What holds of events that an earlier release stored: they say today what they said then."""

import msgspec
import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.codec.event_codec import EventCodec, tag_of
from mentra_actors.domain.lease import LeaseReleased, LeaseRenewed
from mentra_actors.envelope import RetiredEvent, UnknownEvent
from mentra_actors.testing.upcaster_laws import check_upcasters

RENEWED, RELEASED = tag_of(LeaseRenewed), tag_of(LeaseReleased)
TYPES = [LeaseRenewed, LeaseReleased]

trees = st.recursive(st.integers(0, 9), lambda inner: st.lists(inner, max_size=4), max_leaves=12)
"""A number is an event that is current, a list one that was replaced by its items."""


def encoded(**fields):
    return msgspec.msgpack.encode(fields)


def as_fields(tree):
    if isinstance(tree, int):
        return (RENEWED, {"epoch": tree, "expires_at": float(tree)})
    return ("old.group.v0", {"items": tree})


TREES = EventCodec(TYPES, {"old.group.v0": lambda f: [as_fields(item) for item in f["items"]]})


def leaves(tree):
    return [tree] if isinstance(tree, int) else [leaf for item in tree for leaf in leaves(item)]


@forall(st.lists(trees, max_size=4))
def test_an_event_becomes_whatever_its_upcasters_make_of_it(tree):
    """Splits of splits keep their order, and what is dropped keeps its bytes."""
    payload = encoded(type="old.group.v0", items=tree)
    events = TREES.decode("old.group.v0", payload)

    if leaves(tree):
        assert events == tuple(LeaseRenewed(epoch=n, expires_at=float(n)) for n in leaves(tree))
    else:
        assert events == (RetiredEvent(event_type="old.group.v0", payload=payload),)
        assert TREES.encode(events[0]) == ("old.group.v0", payload)


def chain(length):
    """A codec that reads `old.v0` by `length` upcasters into `LeaseRenewed`."""

    def step(number):
        after = RENEWED if number == length - 1 else f"old.v{number + 1}"

        def upcast(fields):
            done = fields["epoch"] + 1
            return [(after, {**fields, "epoch": done, "expires_at": float(done)})]

        return upcast

    return EventCodec([LeaseRenewed], {f"old.v{n}": step(n) for n in range(length)})


@forall(st.integers(1, 60), st.integers(0, 100))
def test_upcasters_run_one_after_the_other(length, epoch):
    """A log written by any earlier release opens, however many releases lie between."""
    [event] = chain(length).decode("old.v0", encoded(epoch=epoch))

    assert event == LeaseRenewed(epoch=epoch + length, expires_at=float(epoch + length))


@forall(st.binary(max_size=40), st.integers(1, 3))
def test_upcasting_never_raises(payload, length):
    """An upcaster meets bytes that nobody tested it with; its trouble stays with that event."""
    [event] = chain(length).decode("old.v0", payload)

    assert isinstance(event, LeaseRenewed | UnknownEvent)
    assert isinstance(event, LeaseRenewed) or event.payload == payload


class Speechless(Exception):
    """An error whose words are a fault themselves."""

    def __str__(self):
        raise ValueError


ERRORS = [KeyError, AttributeError, ZeroDivisionError, RuntimeError, RecursionError, Speechless]


@pytest.mark.parametrize("error", ERRORS)
def test_an_upcaster_that_raises_loses_nothing(error):
    """A fault in one upcaster must leave the event readable to the release that cures it."""

    def broken(fields):
        raise error("broken upcaster")

    payload = encoded(epoch=1)
    [event] = EventCodec([LeaseRenewed], {"old.v0": broken}).decode("old.v0", payload)

    assert isinstance(event, UnknownEvent)
    assert (event.event_type, event.payload) == ("old.v0", payload)
    assert error.__name__ in event.reason


@pytest.mark.parametrize(
    "answer",
    [
        None,
        7,
        "text",
        [RENEWED],
        [(RENEWED,)],
        [(RENEWED, None)],
        [(RENEWED, {"epoch": "one", "expires_at": 0.0})],
        [(["unhashable"], {})],
        [("later.v9", {})],
        (pair for pair in [(RENEWED, {"epoch": 1, "expires_at": 0.0})]),
    ],
    ids=lambda answer: repr(answer).partition(" at 0x")[0],
)
def test_a_wrong_answer_of_an_upcaster_loses_nothing(answer):
    """A slip in an upcaster is an event that is kept, not a team that does not open."""
    payload = encoded(epoch=1)
    [event] = EventCodec(TYPES, {"old.v0": lambda f: answer}).decode("old.v0", payload)

    assert isinstance(event, UnknownEvent)
    assert (event.event_type, event.payload) == ("old.v0", payload)


@pytest.mark.parametrize("fault", ["raises", "unknown tag", "wrong field"])
def test_half_an_event_is_none(fault):
    """A split of which one half cannot be read must not take effect by its other half."""
    parts = {
        "raises": ("old.v1", {}),
        "unknown tag": ("later.v9", {}),
        "wrong field": (RELEASED, {"epoch": None}),
    }
    sound = (RELEASED, {"epoch": 1})
    for both in ([sound, parts[fault]], [parts[fault], sound]):
        codec = EventCodec(
            TYPES, {"old.v0": lambda f, both=both: both, "old.v1": lambda f: f["nothing"]}
        )
        [event] = codec.decode("old.v0", encoded(epoch=1))

        assert isinstance(event, UnknownEvent)
        assert event.event_type == "old.v0"


@pytest.mark.parametrize("again", [["a.v1"], ["a.v1", "a.v1"], [RELEASED, "a.v1"]], ids=repr)
def test_upcasters_that_go_round_in_a_circle_end(again):
    """A circle of tags is a mistake of a release; opening the log must not hang on it."""
    codec = EventCodec(
        TYPES, {"a.v1": lambda f: [("a.v2", f)], "a.v2": lambda f: [(tag, f) for tag in again]}
    )
    [event] = codec.decode("a.v1", encoded(epoch=1))

    assert isinstance(event, UnknownEvent)
    assert "circle" in event.reason


def test_upcasters_see_the_fields_and_nothing_else():
    """The tag is not a field; parts that share a mapping must not write into each other."""
    seen = []

    def split(fields):
        return [("old.v1", fields), ("old.v1", fields)]

    def renew(fields):
        seen.append(dict(fields))
        fields["expires_at"] = fields.pop("until")
        return [(RENEWED, fields)]

    codec = EventCodec(TYPES, {"old.v0": split, "old.v1": renew})
    events = codec.decode("old.v0", encoded(type="old.v0", epoch=1, until=2.0))

    assert events == (LeaseRenewed(epoch=1, expires_at=2.0),) * 2
    assert seen == [{"epoch": 1, "until": 2.0}] * 2


def test_a_tag_that_is_written_cannot_be_upcast():
    """What this release has just recorded would come back as something else after a restart."""
    with pytest.raises(ValueError, match="still written"):
        EventCodec(TYPES, {RENEWED: lambda f: []})


# --- the law for authors of upcasters ---------------------------------------------------------


def test_sound_upcasters_keep_the_law():
    """Splitting, dropping and renaming are all allowed."""
    check_upcasters(TREES, [("old.group.v0", encoded(items=tree)) for tree in ([], [1], [1, [2]])])
    check_upcasters(chain(3), [(f"old.v{n}", encoded(epoch=1)) for n in range(3)])


TICKS = iter(range(99))


@pytest.mark.parametrize(
    ("upcaster", "why"),
    [
        (lambda f: [(RENEWED, {"epoch": f["epoc"], "expires_at": 0.0})], "KeyError"),
        (lambda f: [(RENEWED, f)], "expires_at"),
        (lambda f: [("later.v9", f)], "not known"),
        (lambda f: [(RELEASED, {"epoch": next(TICKS)})], "pure"),
    ],
    ids=["it raises", "a field is missing", "no such tag", "another answer each time"],
)
def test_the_law_finds_a_broken_upcaster(upcaster, why):
    """Who writes an upcaster hears of its fault before a user's log does."""
    with pytest.raises(AssertionError, match=why):
        check_upcasters(EventCodec(TYPES, {"old.v0": upcaster}), [("old.v0", encoded(epoch=1))])


def test_the_law_asks_for_a_sample_of_each_tag():
    """An upcaster that no stored event has gone through is a guess."""
    with pytest.raises(AssertionError, match=r"old\.v1"):
        check_upcasters(chain(2), [("old.v0", encoded(epoch=1)), (RENEWED, b"")])
