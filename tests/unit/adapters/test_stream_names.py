"""Streams are named for what other frameworks call their sessions, and the way back is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.adapters.held_store import HeldStore, hold
from mentra_actors.adapters.stream_names import is_hashed, named_stream, names_in
from mentra_actors.domain.frameworks.langgraph import ThreadDeleted
from mentra_actors.errors import StoreClosed
from mentra_actors.ids import category_of

NAMES = st.lists(st.text(max_size=90), min_size=1, max_size=3).map(tuple)


@given(NAMES)
def test_a_stream_says_the_names_that_it_is_for(names):
    stream_id = named_stream("adk", *names)

    assert category_of(stream_id) == "adk"
    assert 1 <= len(stream_id.encode()) <= 255
    assert is_hashed(stream_id) or names_in(stream_id) == names


@given(NAMES, NAMES)
def test_different_names_have_different_streams(one, other):
    assert (named_stream("adk", *one) == named_stream("adk", *other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "stream_id"),
    [
        ("trip to Rome", "langgraph-trip to Rome"),
        ("a/b%c", "langgraph-a%2Fb%25c"),
        ("two\nlines", "langgraph-two%0Alines"),
        ("größer", "langgraph-größer"),
        ("", "langgraph-%"),
    ],
)
def test_names_stay_readable(name, stream_id):
    assert named_stream("langgraph", name) == stream_id


def test_names_that_are_too_long_are_told_by_the_first_event():
    held = hold(":memory:").held
    names = ("x" * 300,)
    stream_id = named_stream("langgraph", *names)

    assert held.append((stream_id, [ThreadDeleted()], None), names=names, cause="test") == 2
    assert held.append((stream_id, [ThreadDeleted()], None), names=names, cause="test") == 3
    assert held.names_of(stream_id) == names
    held.close()


def test_holders_of_one_path_share_the_store_and_the_last_one_closes_it(tmp_path):
    first, second = hold(tmp_path / "store"), hold(str(tmp_path / "store"))
    stream_id = named_stream("langgraph", "t")

    first.close()
    first.close()
    second.held.append((stream_id, [ThreadDeleted()], None), cause="test")

    assert second.held is first.held
    held: HeldStore = second.held
    second.close()
    with pytest.raises(StoreClosed):
        held.append((stream_id, [ThreadDeleted()], None), cause="test")
    again = hold(tmp_path / "store")
    assert again.held.store.stream_version(stream_id) == 1
    again.close()
