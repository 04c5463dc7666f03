"""The newest journal says everything that can be stored: what it does not say, no test keeps."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from golden_journal import releases, stored_in
from journal_coverage import Said, said_in, sayable

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.domain.lease import LeaseAcquired
from mentra_actors.ids import category_of
from mentra_actors.testing.log_audit import AgentAudit

NEVER_WRITTEN = {
    Said("RunFinished", "text"): "only read from logs of 0.1.0",
    Said("ImageBlock", "data"): "the log has names of blobs, not bytes",
    Said("FileBlock", "data"): "the log has names of blobs, not bytes",
    Said("RoundDecisionRequested", "boundary", "'start'"): "a strategy is asked after a round",
    **dict.fromkeys(
        [
            Said("MemoryRecord", "kind", "'episode'"),
            Said("MemoryRecord", "kind", "'summary'"),
            Said("MemoryRecord", "source", "'auto_ingest'"),
            Said("MemoryRecord", "source", "'auto_compaction'"),
            Said("MemoryRecord", "pinned", "False"),
        ],
        "only read from logs up to 0.4.0: what was said is a record without an event",
    ),
}
"""What today's code cannot store, and why the type has it all the same."""


def events_of(release):
    return [
        event
        for stored in stored_in(release)
        for event in CODEC.decode(stored.event_type, stored.payload)
    ]


def test_every_field_is_said_in_the_newest_journal():
    """A field that no journal uses can be renamed, and one that is always so can be re-meant."""
    missing = sayable(EVENT_TYPES) - said_in(events_of(releases()[-1])) - set(NEVER_WRITTEN)

    assert sorted(map(str, missing)) == [], (
        "no story says these (or nothing but their default): write one, see golden_script.py"
    )


def test_nothing_is_excused_without_need():
    """An excuse that outlives its reason hides the next field that nobody says."""
    possible, said = sayable(EVENT_TYPES), said_in(events_of(releases()[-1]))

    assert [str(one) for one in NEVER_WRITTEN if one not in possible or one in said] == []


def test_the_golden_team_is_one_that_there_could_be():
    """A journal that breaks the rules of every log would keep what no user has."""
    audits = {}
    for stored in stored_in(releases()[-1]):
        if category_of(stored.stream_id) == "agent":
            audit = audits.setdefault(stored.stream_id, AgentAudit())
            for event in CODEC.decode(stored.event_type, stored.payload):
                audit.read(event)

    assert {name: audit.faults for name, audit in audits.items() if audit.faults} == {}


def lease(**fields):
    known = {"holder": "a", "epoch": 1, "term_s": 9.0, "acquired_at": 1.0, "expires_at": 10.0}
    return LeaseAcquired(**known, **fields)


@pytest.mark.parametrize(
    ("events", "missing"),
    [
        ([lease()], {"LeaseAcquired.taken_from"}),
        ([lease(taken_from="b", release="1")], set()),
        ([], {"LeaseAcquired", "LeaseAcquired.epoch", "LeaseAcquired.taken_from"}),
    ],
    ids=["its default", "said", "no event"],
)
def test_a_field_with_its_default_is_not_said(events, missing):
    """The default is what a log without the field means, so it says nothing of its name."""
    left = {str(one) for one in sayable([LeaseAcquired]) - said_in(events)}

    assert missing <= left
    assert bool(missing) == bool(left)


def test_words_and_values_inside_of_fields_count():
    """A word nobody says can be taken from a list; a field may stand deep inside of an event."""
    inside = msgspec.defstruct("Inside", [("is_deep", bool, False)])
    kind = msgspec.defstruct("Kind", [("parts", tuple[inside, ...], ())])
    said = {str(one) for one in said_in([kind(parts=(inside(is_deep=True),))])}

    assert said == {
        "Kind",
        "Kind.parts",
        "Inside",
        "Inside.is_deep",
        "Inside.is_deep = True",
    }
    assert {str(one) for one in sayable([kind])} - said == {"Inside.is_deep = False"}
