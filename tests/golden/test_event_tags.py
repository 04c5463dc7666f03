"""The storage format as text: a change of it must be seen, and meant.

MENTRA_ACCEPT_GOLDEN=1 writes the file anew; then read its diff.
"""

import os
import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from format_text import advice, breaking_changes, format_text

from mentra_actors.codec.event_codec import tag_of
from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.domain.lease import LeaseReleased

GOLDEN = Path(__file__).parent / "event_tags.txt"
RELEASED = "lease.released.v1"


def test_the_storage_format_is_the_one_that_was_agreed():
    """A renamed tag or field makes every log that exists say something else, or nothing."""
    found = format_text(EVENT_TYPES)
    if os.environ.get("MENTRA_ACCEPT_GOLDEN") == "1":
        GOLDEN.write_text(found, encoding="utf-8")
    agreed = GOLDEN.read_text(encoding="utf-8")

    assert found == agreed, advice(agreed, found)


def released(*fields, tag=RELEASED, **options):
    """The list of types with another class in the place of `LeaseReleased`."""
    other = msgspec.defstruct("LeaseReleased", fields, kw_only=True, tag=tag, **options)
    return [other if kind is LeaseReleased else kind for kind in EVENT_TYPES]


def without(gone):
    return [kind for kind in EVENT_TYPES if kind is not gone]


@pytest.mark.parametrize(
    ("event_types", "change"),
    [
        (without(LeaseReleased), f"{RELEASED} is gone"),
        (released(("epoch", int), tag="lease.released.v2"), f"{RELEASED} is gone"),
        (released(("number", int)), "`epoch: int` is gone or changed"),
        (released(("epoch", str)), "`epoch: int` is gone or changed"),
        (released(("epoch", int, 0)), "`epoch: int` is gone or changed"),
        (released(("epoch", int), rename="upper"), "`epoch: int` is gone or changed"),
        (released(("epoch", int), ("why", str)), "`why: str` is new and has no default"),
        (released(("epoch", int), array_like=True), "`(array_like)` is new"),
    ],
    ids=["removed", "other tag", "renamed", "retyped", "default", "as", "no default", "array"],
)
def test_a_change_that_breaks_logs_is_named(event_types, change):
    """Who made it reads what it does to users, and what to do instead."""
    agreed = format_text(EVENT_TYPES)
    found = format_text(event_types)

    assert found != agreed
    assert any(change in one for one in breaking_changes(agreed, found))
    assert "new tag" in advice(agreed, found)
    assert "upcaster" in advice(agreed, found)
    assert change in advice(agreed, found)


@pytest.mark.parametrize(
    ("agreed_types", "found_types"),
    [
        (without(LeaseReleased), EVENT_TYPES),
        (EVENT_TYPES, released(("epoch", int), ("why", str, ""))),
    ],
    ids=["a new event", "a new field with a default"],
)
def test_a_format_that_only_grows_is_seen_too(agreed_types, found_types):
    """An event for ever deserves a second look while it is new."""
    agreed, found = format_text(agreed_types), format_text(found_types)

    assert found != agreed
    assert breaking_changes(agreed, found) == []
    assert "make golden" in advice(agreed, found)


def test_changes_inside_of_a_field_are_seen():
    """A field of a field is stored as well, and so is the default of one."""
    agreed = format_text(EVENT_TYPES)
    usage = msgspec.defstruct("TokenUsage", [("input_tokens", int, 1)], frozen=True)
    replied = msgspec.defstruct("Replied", [("usage", usage)], tag="agent.replied.v9")
    found = format_text([replied])

    assert "TokenUsage\n  input_tokens: int = 1\n" in found
    assert "TokenUsage: `input_tokens: int = 0` is gone or changed" in advice(agreed, found)


def test_the_text_names_every_tag_once():
    """A tag that is not in the text could change unseen."""
    lines = GOLDEN.read_text(encoding="utf-8").split("\n")

    assert [lines.count(tag_of(kind)) for kind in EVENT_TYPES] == [1] * len(EVENT_TYPES)
