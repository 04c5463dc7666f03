"""What holds of the events of hooks, whatever is on the log and wherever somebody begins."""

import sys
from pathlib import Path
from typing import get_args

from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import ToolCallBlock
from mentra_actors.domain.model_call import StopReason
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from projections.hooks.hook_history import HookFold, hook_events

sys.path.insert(0, str(Path(__file__).parent))
import event_strategies as events
from old_release import CODEC, Bundle, store_of

STREAMS = st.sampled_from(
    [StreamId(one) for one in ("agent-lead", "agent-lead", "agent-mate", "lease-writer")]
)
PROFILE = e.AgentProfile(agent_id="lead", name="lead", team_id="t", role="leads", model="x:y")
KEY = "tool-1.0"
TELLING = st.sampled_from(
    [
        e.AgentSpawned(profile=PROFILE, spawned_at=1.0),
        e.ModelCallRequested(effect_id="model-1", run_id="run-1", round=1, attempt=2),
        e.ModelReplied(
            effect_id="model-1",
            blocks=(ToolCallBlock(call_id="c-1", name="pay", arguments="{}"),),
            stop_reason=StopReason.TOOL_USE,
        ),
        e.ToolCallsPlanned(calls=(e.CallPlan(key=KEY, needs_review=True),)),
        e.ToolAuthorizationEvaluated(
            key=KEY, outcome="ask", decided_by="authorizer", evaluated_at=1.0
        ),
        e.ToolCallStarted(key=KEY, tool="pay", idempotency_key="k", retry="never", started_at=1.0),
        e.ToolCallFinished(key=KEY, content="no", is_error=True),
        e.RunCancelled(run_id="run-1", reason="enough", cancelled_at=1.0),
    ]
)
STORED = st.one_of(
    TELLING,
    TELLING,
    st.sampled_from(get_args(e.AgentEvent)).flatmap(events.events_of),
    events.UNKNOWN,
    st.lists(TELLING, max_size=3).map(Bundle),
)
LOGS = st.lists(st.lists(st.tuples(STREAMS, STORED), min_size=1, max_size=3), max_size=10)


@forall(LOGS, st.data())
def test_who_begins_later_is_told_the_same(appends, data):
    """Else an observer that was away would hear another story than one that was there."""
    journal = Journal(store_of(appends), CODEC)
    after = data.draw(st.integers(0, journal.last_position()))
    through = data.draw(st.integers(after, journal.last_position()))
    whole = list(hook_events(journal))

    assert list(hook_events(journal, after=after, through=through)) == [
        one for one in whole if after < one.position <= through
    ]


@forall(LOGS)
def test_what_is_told_does_not_depend_on_what_is_remembered(appends):
    """A log with more streams than are kept in mind costs time, and nothing else."""
    journal = Journal(store_of(appends), CODEC)
    forgetful = HookFold(journal, kept_states=1)
    told = [one for recorded in journal.through() for one in forgetful.told(recorded)]

    assert told == list(hook_events(journal))


@forall(LOGS)
def test_events_are_told_in_the_order_of_the_log(appends):
    """No event is before what it follows from."""
    journal = Journal(store_of(appends), CODEC)
    positions = [one.position for one in hook_events(journal)]

    assert positions == sorted(positions)
