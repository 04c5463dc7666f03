"""The feed of an agent: which of its events say something to programs, and what."""

import typing
from functools import reduce

import msgspec
import pytest

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.model_call import StopReason, TokenUsage
from projections.feeds import agent_event as a
from projections.feeds.agent_events import AgentFeedState, agent_events

PROFILE = e.AgentProfile(agent_id="lead", name="lead", team_id="t", role="leads", model="x:y")
CHILD = msgspec.structs.replace(PROFILE, agent_id="lead.1", name="scout")
USAGE = TokenUsage(input_tokens=3, output_tokens=2)
LETTERS = tuple(
    Mail(mail_id=mail_id, sender="mate", to="lead", body="hi", sent_at=1.0)
    for mail_id in ("m1", "m2")
)
TAKEN = e.MailTaken(inbox="inbox-lead", mail=LETTERS, through_version=2)
UNKNOWN_TEXT = (
    "The outcome of this call is unknown: its process died. It may or may not have happened. "
    "Do not assume either; check before you repeat it."
)


def answer(*names, effect_id="model-1", **more):
    """An answer that asks for a call of each of these tools."""
    calls = [ToolCallBlock(call_id=f"c-{one}", name=one, arguments='{"n": 1}') for one in names]
    return e.ModelReplied(
        effect_id=effect_id, blocks=tuple(calls), stop_reason=StopReason.TOOL_USE, **more
    )


def failed(**more):
    return e.ModelCallFailed(effect_id="model-1", kind="http", message="503", **more)


def told(*events):
    """What the last of these events says, after those before it."""
    *before, last = events
    state = reduce(lambda state, one: agent_events(state, one)[0], before, AgentFeedState())
    return list(agent_events(state, last)[1])


def finished(tool, content, *, is_error=True, outcome="finished", **more):
    """The end of the call `tool-1.0`, as a feed tells it."""
    return a.ToolExecutionFinished(
        key="tool-1.0", call_id=f"c-{tool}", tool=tool, content=content, is_error=is_error,
        outcome=outcome, **more,
    )  # fmt: skip


REPLIED = answer("ls")
TOLD = [
    (e.PromptAccepted(prompt_id="p1", text="hi", accepted_at=1.0),
     a.InputAdded(source="prompt", input_id="p1", text="hi")),
    (e.InputQueued(queue="follow_up", item_id="q1", text="then", queued_at=1.0),
     a.InputAdded(source="follow_up", input_id="q1", text="then")),
    (TAKEN, a.TeamInboxUpdated(unread_count=2)),
    (e.RunStarted(run_id="r2", started_at=1.0, resumes="r1"),
     a.RunStarted(run_id="r2", resumes="r1")),
    (e.RunFinished(run_id="r", finished_at=1.0, ending="early", early_end="stop_requested"),
     a.RunFinished(run_id="r", ending="early", early_end="stop_requested")),
    (e.RunFailed(run_id="r", kind="deadline", message="late", failed_at=1.0, is_rolled_back=True),
     a.RunFailed(run_id="r", kind="deadline", error="late", is_rolled_back=True)),
    (e.RunCancelled(run_id="r", reason="enough", cancelled_at=1.0, is_rolled_back=True),
     a.RunFailed(run_id="r", kind="cancelled", error="enough", is_rolled_back=True)),
    (e.RunStopRequested(run_id="r", reason="late", requested_at=1.0),
     a.Notice(severity="info", message="the run is asked to stop: late")),
    (failed(transient=True, attempt=2, max_attempts=5, failed_at=10.0, retry_at=12.5),
     a.RetryAttempt(error="503", attempt=2, max_attempts=5, next_delay_s=2.5)),
    (e.ModelCallRequested(effect_id="model-2", run_id="r", round=1, model="spare:x", fallback=1),
     a.FallbackUsed(model="spare:x")),
    (e.AnswerAbandoned(effect_id="model-1", partial_text="hal", abandoned_at=1.0, usage=USAGE,
                       cost_usd_micros=4, asked_model="x:y"),
     a.UsageReport(effect_id="model-1", model="x:y", usage=USAGE, cost_usd_micros=4)),
    (e.PermissionRequested(key="tool-1.0", request_id="p", tool="ls", call_id="c",
                           description="look", preview="{}", requested_at=1.0),
     a.PermissionRequested(key="tool-1.0", request_id="p", tool="ls", call_id="c",
                           description="look", preview="{}")),
    (e.PermissionResolved(key="tool-1.0", request_id="p", allow=False, resolved_at=1.0, tool="ls",
                          call_id="c", reason="no", resolved_by="ann"),
     a.PermissionResolved(key="tool-1.0", request_id="p", allow=False, tool="ls", call_id="c",
                          reason="no", resolved_by="ann")),
    (e.ToolCallStarted(key="tool-1.0", tool="ls", idempotency_key="k", retry="safe",
                       started_at=1.0),
     a.ToolExecutionStarted(key="tool-1.0", call_id="c-ls", tool="ls", arguments='{"n": 1}')),
    (e.ToolCallRestarted(key="tool-1.0", attempt=2, restarted_at=1.0),
     a.ToolExecutionStarted(key="tool-1.0", call_id="c-ls", tool="ls", arguments='{"n": 1}',
                            attempt=2)),
    (e.ToolCallFinished(key="tool-1.0", content="a b", details="{}"),
     finished("ls", "a b", is_error=False, details="{}")),
    (e.ToolCallOutcomeUnknown(key="tool-1.0", reason="its process died"),
     finished("ls", UNKNOWN_TEXT, outcome="unknown")),
    (e.ToolCallSkipped(key="tool-1.0", reason="not executed: cancelled"),
     finished("ls", "not executed: cancelled", outcome="skipped")),
    (e.ToolCallCompensated(key="tool-1.0", tool="pay", content="refunded"),
     a.Notice(severity="info", message="pay was undone: refunded")),
    (e.ToolCallCompensated(key="tool-1.0", tool="pay", content="no", is_error=True),
     a.Notice(severity="warning", message="pay could not be undone: no")),
    (e.SubagentSpawned(key="tool-1.0", profile=CHILD, options=RunOptions(), spawned_at=1.0),
     a.SubagentSpawned(key="tool-1.0", agent_id="lead.1", name="scout", model="x:y")),
    (e.SubagentFinished(agent_id="lead.1", how="failed", finished_at=1.0),
     a.SubagentFinished(agent_id="lead.1", how="failed")),
    (e.SubagentEndOrdered(agent_id="lead.1", how="stop", reason="late"),
     a.SubagentFinished(agent_id="lead.1", how="stopped")),
    (e.SubagentEndOrdered(agent_id="lead.1", how="cancel", reason="late"),
     a.SubagentFinished(agent_id="lead.1", how="cancelled")),
    (e.ModelCallWithheld(effect_id="model-1", limit="cost_budget", tokens=9),
     a.Notice(severity="warning",
              message="the model was not asked: the shared cost budget is used up")),
    (e.ConversationCompacted(effect_id="tool-1.0", trigger="tool", compacted_at=1.0,
        compaction=Compaction(through=4, kept=(1,), replaced=3, summary="so far")),
     a.ContextCompacted(trigger="tool", replaced=3, kept=1, summary="so far",
                        effect_id="tool-1.0")),
    (e.CompactionRequested(effect_id="compact-1", requested_at=1.0),
     a.CompactionStarted(effect_id="compact-1", trigger="manual", tokens=0, limit=0)),
    (e.CompactionSkipped(effect_id="compact-1", reason="busy", is_error=True),
     a.CompactionSkipped(
         effect_id="compact-1", reason="busy", is_error=True, is_cancelled=False)),
    (e.CompactionRequested(effect_id="compact-1", requested_at=1.0, trigger="auto",
        awaited_by="model-2", tokens=61, limit=50),
     a.CompactionStarted(effect_id="compact-1", trigger="auto", tokens=61, limit=50)),
    (e.CompactionRetried(effect_id="compact-1", attempt=2, not_before=2.5, error="busy",
        retried_at=2.0),
     a.RetryAttempt(error="busy", attempt=1, max_attempts=3, next_delay_s=0.5, of="compaction")),
    (e.CompactionUndone(effect_id="compact-1", undone_at=1.0),
     a.CompactionUndone(effect_id="compact-1")),
    (e.PermissionExpired(key="tool-1.0", request_id="p", expired_at=1.0, tool="rm"),
     a.Notice(severity="warning",
              message="rm was refused: nobody has decided about it in time")),
    (e.LeafMoved(from_entry=4, to_entry=2, reason="rollback", moved_at=1.0),
     a.Branched(entry_id=2, from_entry=4, reason="rollback")),
    (e.AgentReconfigured(changes=e.ProfileChanges(model="x:z"), changed_at=1.0),
     a.Reconfigured(changes=e.ProfileChanges(model="x:z"))),
    (e.AgentRecovered(open_effects=("model-1", "tool-1.0@1"), recovered_at=1.0),
     a.Notice(severity="info", message="the agent came back with 2 open effects")),
    (e.AgentBranched(branch="other", position=7, salt="s", branched_at=1.0),
     a.Notice(severity="info",
              message="the agent goes on in the branch other, from position 7")),
    (e.ConversationEdited(kind="prompt", text="no", entry=3, edited_at=1.0),
     a.Notice(severity="info", message="the conversation was edited: prompt 3")),
    (e.AgentStopped(stopped_at=1.0), a.Notice(severity="info", message="the agent was stopped")),
]  # fmt: skip
SILENT = [
    e.AgentSpawned(profile=PROFILE, spawned_at=1.0),
    e.AgentRenamed(name="other", renamed_at=1.0),
    e.AgentStopPlanned(reason="no more work", planned_by="lead", planned_at=1.0),
    e.MailCameLate(inbox="inbox-lead", through_version=3, came_at=1.0),
    e.StopReported(effect_id="report-stop-1", reported_at=1.0),
    e.BoardCompensated(run_id="r", reverted=1, conflicts=0, compensated_at=1.0),
    e.MailSent(mail=LETTERS[0]),
    e.QueueCleared(queue="steer", cleared_at=1.0),
    e.QueueModeChanged(queue="steer", mode="all"),
    e.EntryLabelled(entry=1, label="here"),
    e.InputPlaced(run_id="r", prompt_ids=("p1",), injected="go on"),
    e.InputReturned(run_id="r", steer_ids=("q1",)),
    e.MailHandedOver(command_id="c", mail_ids=(), handed_at=1.0),
    e.RoundDecisionRequested(effect_id="round-1", run_id="r", boundary="tools"),
    e.RoundDecided(effect_id="round-1", run_id="r", choice="continue"),
    e.CompensationRequested(run_id="r", requested_at=1.0),
    e.ToolCallCompensationStarted(key="tool-1.0", tool="pay", attempt=1, started_at=1.0),
    e.ModelCallRequested(effect_id="model-1", run_id="r", round=1),
    e.ToolCallsPlanned(calls=()),
    e.ToolAuthorizationEvaluated(
        key="tool-1.0", outcome="allow", decided_by="hook", evaluated_at=1.0
    ),
    e.CompactionAwaited(effect_id="compact-1", awaited_by="model-2"),
    e.ToolCallReviewed(key="tool-1.0", note="cheaper"),
    e.ToolCallProbeRequested(key="tool-1.0", attempt=1),
    e.SharedSpending(budget="b", agent_id="lead", run_id="r", effect_id="model-1", tokens=9),
    failed(transient=False),
]


@pytest.mark.parametrize(("event", "said"), TOLD, ids=lambda one: type(one).__name__)
def test_what_each_event_tells(event, said):
    """A program learns what happened in its own words, without knowing how it is stored."""
    assert told(REPLIED, event) == [said]


@pytest.mark.parametrize("event", SILENT, ids=lambda one: type(one).__name__)
def test_what_is_deliberately_silent(event):
    """The machinery of a log is nobody's news."""
    assert told(REPLIED, event) == []


def test_every_stored_event_is_told_or_silent_on_purpose():
    """An event that a later release adds must not be missing from feeds because nobody thought."""
    known = {type(event) for event, _ in TOLD} | {type(event) for event in SILENT}

    assert known | {e.ModelReplied} == set(typing.get_args(e.AgentEvent))


def test_an_answer_is_told_whole_then_call_by_call_then_its_cost():
    """Who shows an answer has it before the calls that it asks for."""
    replied = answer("ls", "rm", usage=USAGE, cost_usd_micros=9, asked_model="x:y", model="y-1")
    said = (TextBlock(text="I look."), *replied.blocks)
    replied = msgspec.structs.replace(replied, blocks=said)

    assert told(replied) == [
        a.AssistantMessageCommitted(
            effect_id="model-1", blocks=said, stop_reason=StopReason.TOOL_USE
        ),
        *[
            a.ToolUseReady(
                key=f"tool-1.{at}", index=at, call_id=f"c-{name}", tool=name, arguments='{"n": 1}'
            )
            for at, name in enumerate(("ls", "rm"))
        ],
        a.UsageReport(effect_id="model-1", model="x:y", usage=USAGE, cost_usd_micros=9),
    ]


def test_a_failure_that_has_cost_something_says_so():
    """Money is spent on answers that break off, too."""
    broken = failed(transient=True, usage=USAGE, cost_usd_micros=2, asked_model="x:y")

    assert told(broken) == [
        a.UsageReport(effect_id="model-1", model="x:y", usage=USAGE, cost_usd_micros=2)
    ]


@pytest.mark.parametrize("transient", [True, False])
def test_a_run_that_broke_off_says_if_another_try_may_help(transient):
    """A chat offers `try again` where that makes sense, and only there."""
    broke = failed(transient=transient)
    ended = e.RunFailed(run_id="r", kind="http", message="503", failed_at=1.0)
    late = e.RunFailed(run_id="r", kind="deadline", message="late", failed_at=1.0)

    assert told(broke, ended)[0].is_transient == transient
    assert not told(broke, late)[0].is_transient
    assert not told(broke, ended, ended)[0].is_transient


# --- what a feed remembers --------------------------------------------------------------------


def test_ends_are_named_by_the_answer_that_asked():
    """Logs of the first release have no names in them; two calls at once must not be mixed up."""
    both = answer("ls", "rm")
    second = e.ToolCallFinished(key="tool-1.1", content="gone")
    first = e.ToolCallFinished(key="tool-1.0", content="a b")

    assert [one.tool for one in told(both, second)] == ["rm"]
    assert [one.tool for one in told(both, second, first)] == ["ls"]


def test_a_call_that_nobody_saw_has_no_name():
    """A log whose beginning is missing is told as far as it goes; what has ended is forgotten."""
    end = e.ToolCallFinished(key="tool-7.0", content="a b")
    named = e.ToolCallFinished(key="tool-1.0", content="a b")

    assert [(one.tool, one.call_id) for one in told(end)] == [("", "")]
    assert [(one.tool, one.call_id) for one in told(REPLIED, named, named)] == [("", "")]


def test_a_call_that_hooks_have_changed_starts_with_its_new_arguments():
    """Who watches must see what runs, not what the model wrote."""
    changed = e.ToolCallReviewed(key="tool-1.0", arguments='{"n": 2}')
    start = e.ToolCallStarted(
        key="tool-1.0", tool="ls", idempotency_key="k", retry="safe", started_at=1.0
    )

    assert told(REPLIED, changed, start)[0].arguments == '{"n": 2}'


def test_unread_mail_is_counted_until_the_model_or_the_host_has_it():
    """A badge with a wrong number is worse than none."""
    placed = e.InputPlaced(run_id="r", mail_ids=("m1",))
    handed = e.MailHandedOver(command_id="c", mail_ids=("m2",), handed_at=1.0)
    back = e.InputReturned(run_id="r", mail_ids=("m1",))
    counts = [
        told(TAKEN, placed),
        told(TAKEN, placed, handed),
        told(TAKEN, placed, handed, back),
        told(TAKEN, TAKEN),
    ]

    assert [[one.unread_count for one in events] for events in counts] == [[1], [0], [1], []]


@pytest.mark.parametrize(
    "end",
    [
        e.RunFinished(run_id="r", finished_at=1.0),
        e.RunCancelled(run_id="r", reason="enough", cancelled_at=1.0),
        e.RunFailed(run_id="r", kind="deadline", message="late", failed_at=1.0),
        answer(),
        failed(transient=True),
    ],
    ids=lambda one: type(one).__name__,
)
def test_pieces_are_heard_of_the_open_model_call_only(end):
    """A late piece of an answer that is over would be shown under the next one."""
    asked = e.ModelCallRequested(effect_id="model-1", run_id="r", round=1)
    state, _ = agent_events(AgentFeedState(), asked)

    assert state.heard == "model-1"
    assert agent_events(state, end)[0].heard == ""
