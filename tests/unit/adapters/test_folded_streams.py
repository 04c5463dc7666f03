"""Views of streams are the fold of their events, whatever was kept of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentra_actors.adapters import folded_streams
from mentra_actors.adapters.google_adk.saved_sessions import (
    APP,
    USER,
    Changes,
    SavedSessions,
    SessionKey,
)
from mentra_actors.adapters.held_store import hold
from mentra_actors.adapters.openai_agents.item_histories import ItemHistories
from mentra_actors.domain.frameworks.google_adk import SessionGrew
from mentra_actors.errors import VersionConflict

KEY = SessionKey("app", "ann", "s")
NOTHING = Changes({}, {}, {})


@pytest.fixture
def held():
    holder = hold(":memory:")
    yield holder.held
    holder.close()


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch):
    monkeypatch.setattr(folded_streams, "_LEAST_NEW", 4)
    monkeypatch.setattr(folded_streams, "_PAGE_EVENTS", 3)


def grew(number, changed=b""):
    return SessionGrew(
        event_id=f"e{number}",
        author="user",
        happened_at=float(number),
        event=b"%d" % number,
        changed=changed,
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["add", "add", "pop", "clear", "look"]), max_size=40))
def test_a_history_is_the_same_from_a_snapshot_and_from_the_beginning(steps):
    """Of each look the view is kept; a fresh one begins with the newest snapshot."""
    holder = hold(":memory:")
    histories, model = ItemHistories(holder.held), []
    for number, step in enumerate(steps):
        match step:
            case "add":
                histories.add("s", [b"%d" % number, b"x"])
                model += [b"%d" % number, b"x"]
            case "pop":
                assert histories.pop("s") == (model.pop() if model else None)
            case "clear":
                histories.clear("s")
                model.clear()
            case "look":
                assert histories.items("s") == model
    assert ItemHistories(holder.held).items("s") == model
    assert ItemHistories(holder.held).items("s", 3) == model[-3:]
    holder.close()


def test_a_session_is_the_same_after_a_restart(held):
    sessions = SavedSessions(held)
    made = sessions.create(KEY, Changes({"a": 1}, {"u": 1}, {"own": 0}), 0.5)
    version = made.version
    for number in range(1, 20):
        changes = Changes({"a": number}, {}, {"own": number})
        changed = b'{"own":%d}' % number
        version = sessions.grow(KEY, grew(number, changed), changes, version)
        sessions.find(KEY)

    again = SavedSessions(held)
    found = again.find(KEY)

    assert held.store.load_snapshot(KEY.stream_id) is not None
    assert found == sessions.find(KEY)
    assert found.state == {"own": 19, "app:a": 19, "user:u": 1}
    assert again.events(found, 2, None) == [b"18", b"19"]
    assert again.events(found, None, 17.0) == [b"17", b"18", b"19"]
    assert len(again.events(found, None, None)) == 19
    assert again.scope(USER, "app", "ann") == {"u": 1}


def test_an_event_for_another_version_is_not_recorded_and_changes_nothing(held):
    """The scopes are in the same append: they are not ahead of the session either."""
    sessions = SavedSessions(held)
    version = sessions.create(KEY, NOTHING, 0.5).version
    sessions.grow(KEY, grew(1), NOTHING, version)

    with pytest.raises(VersionConflict):
        sessions.grow(KEY, grew(2), Changes({"a": 2}, {}, {}), version)

    assert sessions.scope(APP, "app") == {}
    assert sessions.events(sessions.find(KEY), None, None) == [b"1"]


def test_a_session_is_created_once_until_it_is_deleted(held):
    sessions = SavedSessions(held)
    made = sessions.create(KEY, NOTHING, 0.5)
    sessions.grow(KEY, grew(1), NOTHING, made.version)

    assert sessions.create(KEY, NOTHING, 1.5) is None
    sessions.delete(KEY)
    sessions.delete(KEY)
    assert sessions.find(KEY) is None
    again = sessions.create(KEY, NOTHING, 2.5)
    assert sessions.events(again, None, None) == []
    assert sessions.of_app("app", None) == [again]
    assert sessions.of_app("ap", None) == []
