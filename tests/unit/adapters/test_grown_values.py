"""A list is stored as what is new of it, and read as it was, byte for byte."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.adapters.langgraph.grown_values import Piece, put_together, saved_value
from mentra_actors.domain.frameworks.langgraph import Place

ELEMENTS = st.one_of(
    st.integers(-(2**63), 2**63), st.text(max_size=40), st.lists(st.booleans(), max_size=3)
)


def packed(value):
    return msgspec.msgpack.encode(value)


class Channel:
    """The values of one channel, one place after the other."""

    def __init__(self):
        self.saved = {}
        self.reads = 0

    def put(self, content, kind="msgpack", after=None):
        older = self.get(after) if after else None
        place = Place(len(self.saved) + 1, "langgraph-t")
        self.saved[place] = saved_value(kind, content, older, lambda one: one)
        return place

    def get(self, place):
        return put_together(place, self._read, lambda _here, there: there)

    def _read(self, place):
        self.reads += 1
        return self.saved[place]


@given(st.lists(st.one_of(st.lists(ELEMENTS, max_size=5), st.just("anew")), max_size=60))
def test_every_value_is_read_as_it_was_put(steps):
    channel, value, place, puts = Channel(), [], None, []
    for step in steps:
        value = [*value, *step] if step != "anew" else value[1:]
        place = channel.put(packed(value), after=place)
        puts.append((place, packed(value)))

    assert [channel.get(one).content for one, _ in puts] == [content for _, content in puts]


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_are_read_as_they_were_put(first, second):
    """Also what only looks like a list, or like a list that has grown."""
    channel = Channel()
    older = channel.put(first)
    newer = channel.put(second, after=older)

    assert channel.get(newer).content == second


def test_a_list_that_grows_takes_few_reads_and_few_bytes():
    channel, place, count = Channel(), None, 600
    for number in range(1, count + 1):
        place = channel.put(packed([f"message {one:06}" for one in range(number)]), after=place)
    whole = len(channel.get(place).content)
    stored = sum(len(one.content) for one in channel.saved.values())
    channel.reads = 0

    channel.get(place)

    assert channel.reads <= 15 * 3 + 1
    assert stored <= 3 * whole + 1000  # once, and once more for each of two digits


def test_a_fork_grows_from_where_it_was_forked():
    channel = Channel()
    trunk = channel.put(packed(["x" * 100]))
    one = channel.put(packed(["x" * 100, "one"]), after=trunk)
    other = channel.put(packed(["x" * 100, "other"]), after=trunk)

    assert channel.get(one).content == packed(["x" * 100, "one"])
    assert channel.get(other).content == packed(["x" * 100, "other"])
    assert len(channel.saved[other].content) < 10


@pytest.mark.parametrize(
    ("kind", "older", "newer"),
    [
        ("msgpack", packed({"a": "x" * 100}), packed({"a": "x" * 100, "b": 1})),
        ("msgpack+aes", packed(["x" * 100]), packed(["x" * 100, 1])),
        ("msgpack", packed(["x" * 100, 1]), packed(["y" * 100, 1, 2])),
        ("msgpack", b"", packed([1])),
    ],
)
def test_what_is_not_provably_a_longer_list_is_stored_whole(kind, older, newer):
    channel = Channel()
    place = channel.put(newer, kind, after=channel.put(older, kind))

    assert channel.saved[place].content == newer
    assert channel.get(place).pieces == (Piece(0, place, len(newer) - (newer[0] & 0xF0 == 0x90)),)
