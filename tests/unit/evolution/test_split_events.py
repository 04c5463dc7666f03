"""By example: an event of an old release that is read as several today, or as none."""

import sys
from pathlib import Path

import pytest

from mentra_actors.actors.state_loading import EVENTS_PER_SNAPSHOT, StateLoader
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.lease import LEASE, LeaseAcquired, LeaseReleased, LeaseRenewed
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.envelope import UnknownEvent
from mentra_actors.ids import agent_stream
from mentra_actors.runtime.agents.run_watch import Reply, RunWatch
from mentra_actors.runtime.writing.writer_lease import (
    WRITER_LEASE,
    acquire_writer_lease,
    release_writer_lease,
)
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest, EncodedEvent, Fence, StreamAppend
from mentra_actors.testing.hand_driven import HandDriven
from mentra_actors.testing.manual_clock import ManualClock
from projections.views.transcript import transcript_items

sys.path.insert(0, str(Path(__file__).parents[2] / "laws"))
from old_release import CODEC, Bundle, append, heard, store_of

PROFILE = e.AgentProfile(agent_id="lead", name="lead", team_id="main", role="r", model="m")
LEAD = agent_stream("lead")
LEASED = LeaseAcquired(holder="a", epoch=1, term_s=9.0, acquired_at=0.0, expires_at=9.0)


@pytest.mark.parametrize(
    "stored",
    [
        [Bundle([LEASED, LeaseReleased(epoch=1)])],
        [LEASED, Bundle()],
        [Bundle(), Bundle(), Bundle([LEASED, LeaseRenewed(epoch=1, expires_at=12.0)]), Bundle()],
        [LEASED, UnknownEvent(event_type="lease.bought.v1", payload=b"\x80")],
    ],
    ids=["split", "retired", "both", "later"],
)
def test_the_writer_lease_is_taken_after_an_old_log(stored):
    """A store whose lease stream holds an old event must open: the version is the store's."""
    store, clock = store_of([[(WRITER_LEASE, one)] for one in stored]), ManualClock()
    journal = Journal(store, CODEC)
    for holder in ("b", "c"):
        fence = acquire_writer_lease(store, journal, clock, holder=holder, term_s=9.0)
        release_writer_lease(store, journal, clock, fence)

    assert store.stream_version(WRITER_LEASE) == len(stored) + 4
    assert LEASE.fold(heard(journal.read_stream(WRITER_LEASE))).holder == ""


def test_the_writer_lease_is_taken_when_nobody_can_read_who_had_it():
    """An epoch that only the store remembers must not shut every later opener out."""
    store, clock = MemoryEventStore(), ManualClock()
    first = acquire_writer_lease(store, Journal(store), clock, holder="a", term_s=9.0)
    store.append(
        AppendRequest(
            streams=(StreamAppend(stream_id=WRITER_LEASE, events=(EncodedEvent("x.v9", b""),)),),
            fence=Fence("writer", first.epoch + 6),
            raise_fence=True,
        )
    )
    second = acquire_writer_lease(store, Journal(store), clock, holder="b", term_s=9.0)

    assert second.epoch == first.epoch + 7


def test_an_agent_goes_on_at_the_version_of_a_retired_event():
    """A prompt after an event that says nothing any more must not be refused as a conflict."""
    store = MemoryEventStore()
    append(store, (LEAD, e.AgentSpawned(profile=PROFILE, spawned_at=0.0)))
    append(store, (LEAD, Bundle()))
    system = HandDriven(store, codec=CODEC)
    try:
        answers = system.send(LEAD, c.AcceptPrompt(prompt_id="p", text="Go on.", now=0.0))
        system.settle()
    finally:
        system.close()

    assert answers[0].stream_version == store.stream_version(LEAD) > 2


def test_the_end_of_a_run_may_be_the_second_part_of_an_event():
    """Who waits for an answer gets it, and its tokens are counted once."""
    prompt_id, run_id = "p", "lead/run-1"
    replied = e.ModelReplied(
        effect_id="model-1",
        blocks=(),
        stop_reason=StopReason.END_TURN,
        usage=TokenUsage(output_tokens=5),
    )
    store = store_of(
        [
            [(LEAD, e.InputPlaced(run_id=run_id, prompt_ids=(prompt_id,)))],
            [(LEAD, Bundle([replied, e.RunFinished(run_id=run_id, text="hi", finished_at=0.0)]))],
        ]
    )
    history = Journal(store, CODEC).read_stream(LEAD)
    watch = RunWatch(prompt_id)
    ends = [watch.take(one) for one in [*history[:2], *history]]
    found = [end for end in ends if end is not None]

    assert [type(end) for end in found] == [Reply]
    assert found[0].usage.output_tokens == 5


def test_a_transcript_holds_all_parts_of_a_version():
    """What was stored together is shown together, as of the same version."""
    said = Bundle(
        [
            e.PromptAccepted(prompt_id="a", text="one", accepted_at=0.0),
            e.PromptAccepted(prompt_id="b", text="two", accepted_at=0.0),
        ]
    )
    journal = Journal(store_of([[(LEAD, said)], [(LEAD, Bundle())]]), CODEC)

    for version in (1, 2, None):
        items = transcript_items(journal, LEAD, through_version=version)
        assert [(item.stream_version, item.content.text) for item in items] == [
            (1, "one"),
            (1, "two"),
        ]


def test_a_state_that_lacks_events_is_not_kept():
    """A later release would start from it and never read what this one could not."""
    store = MemoryEventStore()
    loader = StateLoader(LEASE, store, Journal(store, CODEC))
    many = [(WRITER_LEASE, LeaseRenewed(epoch=1, expires_at=float(n))) for n in range(300)]
    for pair in many:
        append(store, pair)
    append(store, (WRITER_LEASE, Bundle()))
    loader.save(WRITER_LEASE, loader.load(WRITER_LEASE))
    kept = store.load_snapshot(WRITER_LEASE)
    append(store, (WRITER_LEASE, UnknownEvent(event_type="lease.bought.v1", payload=b"\x80")))
    for pair in many:
        append(store, pair)
    after = loader.save(WRITER_LEASE, loader.load(WRITER_LEASE))

    assert kept.stream_version == 301 > EVENTS_PER_SNAPSHOT
    assert store.load_snapshot(WRITER_LEASE) == kept
    assert after.snapshot_version == 301
