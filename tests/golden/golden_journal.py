"""Journals of releases as text: one JSON line per stored event, the bytes and what they say.

tests/golden/journals/0.1.0.jsonl        what that release stored; never written again after it
tests/golden/journals/0.1.0.states.txt   what it means: see `golden_states`
"""

import base64
import json
import re
import tomllib
from pathlib import Path

import msgspec
from golden_script import play
from golden_team import GoldenTeam
from made_up import made_up

from mentra_actors.codec.event_codec import tag_of
from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import AppendRequest, EncodedEvent, Fence, StoredEvent, StreamAppend

__all__ = [
    "JOURNALS",
    "current_release",
    "fill",
    "releases",
    "stored_in",
    "text_of",
    "written_now",
]

JOURNALS = Path(__file__).parent / "journals"
ROOT = Path(__file__).parents[2]


def current_release():
    """The version that the project has now."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def releases(directory=JOURNALS):
    """Releases with a journal, oldest first."""
    found = [path.name.removesuffix(".jsonl") for path in directory.glob("*.jsonl")]
    return sorted(found, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])


def stored_in(release, directory=JOURNALS):
    """The events of a release's journal."""
    text = (directory / f"{release}.jsonl").read_text(encoding="utf-8")
    return [_stored(json.loads(line)) for line in text.split("\n") if line]


def _stored(line):
    return StoredEvent(
        global_position=line["position"],
        stream_id=StreamId(line["stream"]),
        stream_version=line["version"],
        event_type=line["tag"],
        payload=base64.b64decode(line["payload"]),
        recorded_at_ns=line["recorded_at_ns"],
        epoch=line["epoch"],
        causation=line["causation"],
        correlation=line["correlation"],
    )


def text_of(stored_events):
    """A journal as text."""
    return "".join(_line(stored) + "\n" for stored in stored_events)


def _line(stored):
    return json.dumps(
        {
            "position": stored.global_position,
            "stream": stored.stream_id,
            "version": stored.stream_version,
            "tag": stored.event_type,
            "says": msgspec.msgpack.decode(stored.payload),
            "recorded_at_ns": stored.recorded_at_ns,
            "epoch": stored.epoch,
            "causation": stored.causation,
            "correlation": stored.correlation,
            "payload": base64.b64encode(stored.payload).decode(),
        },
        ensure_ascii=False,
        default=lambda content: base64.b64encode(content).decode(),
    )


def fill(store, stored_events):
    """Append the events of a journal to a store, at the same places."""
    for one in stored_events:
        part = StreamAppend(
            stream_id=one.stream_id,
            events=(EncodedEvent(one.event_type, one.payload),),
            expected_version=one.stream_version - 1,
        )
        store.append(
            AppendRequest(
                streams=(part,),
                fence=Fence("writer", one.epoch) if one.epoch else None,
                recorded_at_ns=one.recorded_at_ns,
                causation=one.causation,
                correlation=one.correlation,
            )
        )


def written_now():
    """The journal that the present code writes: every stored type occurs in it."""
    team = GoldenTeam()
    try:
        play(team)
        there = {stored.event_type for stored in team.store.read_journal(limit=100_000)}
        for event_type in EVENT_TYPES:
            tag = tag_of(event_type)
            if tag not in there:
                stream_id = StreamId(f"{tag.partition('.')[0]}-made-up")
                team.append(team.journal.stream_append(stream_id, [made_up(event_type)], None))
        return list(team.store.read_journal(limit=100_000))
    finally:
        team.system.close()
