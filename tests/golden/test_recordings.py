"""Recordings of every release: files that users keep beside their tests must go on to be read.

A file is never written again. What today's code decides otherwise of it stands, and is accepted,
in `decided_again.txt`'s way: in a file beside it, which is there only if there is something.
"""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from golden_journal import current_release, fill, stored_in

from mentra_actors.ids import name_of
from mentra_actors.runtime.history.history import History
from mentra_actors.runtime.replay.recordings import read_recording, recording_faults
from mentra_actors.runtime.replay.told import difference_words, request_words, untold_words
from mentra_actors.store.memory_store import MemoryEventStore

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.jsonl"))

each_recording = pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: file.stem)


def words_of(file):
    found, changed = recording_faults(read_recording(file))
    words = [*map(difference_words, found.differences), *request_words(changed)]
    return "\n".join([*words, *untold_words(found.untold)]) + "\n"


if os.environ.get("MENTRA_ACCEPT_GOLDEN") == "1":
    for one in RECORDINGS:
        one.with_suffix(".txt").write_text(words_of(one), encoding="utf-8")


@each_recording
def test_a_recording_of_any_release_is_read_and_decided_as_accepted(file):
    """A test that a user has recorded must not break by an update that changes nothing for it."""
    assert words_of(file) == file.with_suffix(".txt").read_text(encoding="utf-8")


@each_recording
def test_a_recording_knows_what_each_model_call_was_sent(file):
    recording = read_recording(file)

    assert recording.header.requests
    assert {one.split("/")[0] for one in recording.header.requests} <= set(
        recording.header.streams
    )


@pytest.mark.parametrize("agent", ["mender", "chief", "buyer"])
def test_a_run_of_this_release_is_played_again_event_by_event(agent):
    """Undoing, subagents, reviews: the ordinary runtime makes the same log of it."""
    store = MemoryEventStore()
    fill(store, stored_in(current_release()))
    found = History(store).replay(agent)

    assert name_of(found.events[0].stream_id) == agent
    assert found.is_same
