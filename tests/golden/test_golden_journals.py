"""Logs of every release, kept as they were written: they must say today what they said then.

MENTRA_ACCEPT_GOLDEN=1 writes the journal of the present version anew, and what it means. Files of
older releases are never written again; see docs/evolution.md.
"""

import os
import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from golden_journal import (
    JOURNALS,
    current_release,
    fill,
    releases,
    stored_in,
    text_of,
    written_now,
)
from golden_states import changed_sections, meaning_of
from made_up import made_up

from mentra_actors import ScriptedModel, open_runtime_sync
from mentra_actors.codec.event_codec import CODEC, tag_of
from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.envelope import UnknownEvent
from mentra_actors.ids import StreamId, name_of
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from mentra_actors.testing.upcaster_laws import check_upcasters

WAIT_S = 20.0


def accept(directory=JOURNALS):
    """Write the journal of the present version, and what journals mean that nobody has said of."""
    present = current_release()
    (directory / f"{present}.jsonl").write_text(text_of(written_now()), encoding="utf-8")
    for release in releases(directory):
        states = directory / f"{release}.states.txt"
        if release == present or not states.exists():
            meaning = meaning_of(stored_in(release, directory))
            states.write_text(meaning, encoding="utf-8")


if os.environ.get("MENTRA_ACCEPT_GOLDEN") == "1":
    accept()

each_release = pytest.mark.parametrize("release", releases())


def test_this_release_has_a_journal():
    """A release whose log nobody kept is one that a later release may silently stop reading."""
    assert releases()[-1:] == [current_release()], (
        "run `make golden` to write the journal of this version, and commit it"
    )


def test_every_stored_type_occurs_in_the_newest_journal():
    """An event that no golden journal holds can be re-meant without a test that fails."""
    there = {stored.event_type for stored in stored_in(releases()[-1])}
    missing = sorted({tag_of(one) for one in EVENT_TYPES} - there)

    assert missing == [], (
        f"{missing} occur in no golden journal: let the team of tests/golden/golden_team.py "
        "do what causes them, then run `make golden`"
    )


@each_release
def test_every_event_is_still_understood(release):
    """An event of a user's log that becomes unknown is work, mail or money that is forgotten."""
    lost = {
        (stored.event_type, event.reason)
        for stored in stored_in(release)
        for event in CODEC.decode(stored.event_type, stored.payload)
        if isinstance(event, UnknownEvent)
    }

    assert lost == set(), f"logs of {release} hold these; give their tags an upcaster"


@each_release
def test_every_stored_field_is_still_read(release):
    """A field under another name is read as its default: the log opens and says something else."""
    unread = {
        f"{stored.event_type} {fault}"
        for stored in stored_in(release)
        if stored.event_type in CODEC.event_types
        for event in CODEC.decode(stored.event_type, stored.payload)
        for fault in unread_in(msgspec.msgpack.decode(stored.payload), all_of(event))
    }

    assert unread == set(), f"logs of {release} hold these; use a new tag with an upcaster"


def all_of(value):
    """A value as it would be stored if no default were left out, as logs of 0.1.0 have them."""
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag
        fields = {
            field.encode_name: all_of(getattr(value, field.name))
            for field in msgspec.structs.fields(value)
        }
        return {"type": tag, **fields} if tag else fields
    return [all_of(one) for one in value] if isinstance(value, tuple | list) else value


def unread_in(stored, event, place="$"):
    """Places of stored values that the event does not have, or has otherwise."""
    if isinstance(stored, dict) and isinstance(event, dict):
        return [
            fault
            for name, value in stored.items()
            for fault in unread_in(value, event.get(name, "nothing"), f"{place}.{name}")
        ]
    if isinstance(stored, list) and isinstance(event, list | tuple) and len(stored) == len(event):
        pairs = enumerate(zip(stored, event, strict=True))
        return [fault for i, (a, b) in pairs for fault in unread_in(a, b, f"{place}[{i}]")]
    return [] if stored == event else [place]


@each_release
def test_every_journal_means_what_it_meant(release):
    """A change that re-means old events changes what users find in logs that they have."""
    expected = (JOURNALS / f"{release}.states.txt").read_text(encoding="utf-8")
    found = meaning_of(stored_in(release))

    assert changed_sections(expected, found) == [], (
        f"the log of {release} folds to something else. If that is a mistake, mend it. If it is "
        "meant: `make golden` for the present version; for an older one delete its .states.txt, "
        "run `make golden`, read the diff, and raise fold_version or the version of the view"
    )
    if release == current_release():
        assert found == expected


@each_release
def test_what_a_reviewer_reads_is_what_is_stored(release):
    """A line that says one thing and stores another would be reviewed in vain."""
    text = (JOURNALS / f"{release}.jsonl").read_text(encoding="utf-8")
    stored = stored_in(release)
    store = MemoryEventStore()
    fill(store, stored)

    assert text == text_of(stored)
    assert list(store.read_journal(limit=100_000)) == stored


@each_release
def test_a_team_of_an_earlier_release_goes_on(release, tmp_path):
    """The log opens in a real store: what was open is done, people allow, the agents answer."""
    stored = stored_in(release)
    memory = MemoryEventStore()
    fill(memory, stored)
    open_work = open_agents(memory)
    store = LmdbEventStore.open(tmp_path / "team", durability="volatile")
    try:
        fill(store, stored)
        store.append(AppendRequest(open_streams=open_work))
    finally:
        store.close()
    model = ScriptedModel(["Goodbye."] * 99, name="openai")
    with open_runtime_sync(tmp_path / "team", providers=[model], durability="volatile") as runtime:
        for name, request_id in asked_of_people(memory):
            runtime.agent(name).allow(request_id)
        runtime.until_idle(timeout_s=WAIT_S)
        answers = [runtime.agent("lead").send("Ready?", timeout_s=WAIT_S).text]
        left = open_agents(runtime._operations.core.store)

    assert open_work
    assert answers == ["Goodbye."]
    assert left == ()


def agent_states(store):
    """Each agent's stream with what the log says of it."""
    return {
        StreamId(stream_id): AGENT.fold(one.event for one in Journal(store).read_stream(stream_id))
        for stream_id in store.stream_ids("agent")
    }


def open_agents(store):
    """Agents with something pending, or with a run that waits for a person."""
    return tuple(name for name, state in agent_states(store).items() if AGENT.is_busy(state))


def asked_of_people(store):
    return [
        (name_of(stream_id), call.request_id)
        for stream_id, state in agent_states(store).items()
        for call in state.requests
    ]


def test_every_upcaster_keeps_the_law_on_what_was_stored():
    """An upcaster is right if it reads what that release has really written."""
    check_upcasters(
        CODEC,
        [(one.event_type, one.payload) for release in releases() for one in stored_in(release)],
    )


# --- the keeping of journals --------------------------------------------------------------------


def test_the_same_script_writes_the_same_bytes():
    """A diff of a golden journal must show what was changed, and nothing else."""
    assert written_now() == written_now()


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_an_event_can_be_made_up(event_type):
    """A type that the team does not cause yet must not keep its author from going on."""
    event = made_up(event_type)

    assert CODEC.decode(*CODEC.encode(event)) == (event,)


def test_journals_of_older_releases_are_never_written_again(tmp_path):
    """They are the only witness of what users have on their disks."""
    journal = text_of(written_now()[:3])
    for name, text in {"0.0.8.jsonl": journal, "0.0.8.states.txt": "as it was",
                       "0.0.9.jsonl": journal}.items():  # fmt: skip
        (tmp_path / name).write_text(text, encoding="utf-8")
    accept(tmp_path)

    assert releases(tmp_path) == ["0.0.8", "0.0.9", current_release()]
    assert (tmp_path / "0.0.8.jsonl").read_text(encoding="utf-8") == journal
    assert (tmp_path / "0.0.9.jsonl").read_text(encoding="utf-8") == journal
    assert (tmp_path / "0.0.8.states.txt").read_text(encoding="utf-8") == "as it was"
    assert "state of agent-lead" in (tmp_path / "0.0.9.states.txt").read_text(encoding="utf-8")
