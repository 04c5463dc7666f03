"""The transcript that people read."""

import pytest

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import (
    OpaqueBlock,
    Provenance,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.model_call import StopReason
from projections.contract import fold_view
from projections.views import transcript_item as item
from projections.views.transcript import (
    PAGE_VERSIONS,
    TRANSCRIPT,
    items_of_pages,
    transcript_items,
    transcript_prefix,
)
from projections.views.transcript_fold import items_of
from projections.views.transcript_item import call_statuses

LEAD = "agent-lead"
MAIL = Mail(mail_id="m1", sender="mate", to="lead", body="done", sent_at=1.0)
PROFILE = e.AgentProfile(agent_id="lead", name="lead", team_id="t", role="leads", model="x:y")
REF = BlobRef(digest="ab", size_bytes=9)


def replied(*blocks):
    """An answer to the first model call."""
    return e.ModelReplied(effect_id="model-1", blocks=blocks, stop_reason=StopReason.TOOL_USE)


@pytest.mark.parametrize(
    ("event", "contents"),
    [
        (e.AgentSpawned(profile=PROFILE, spawned_at=1.0),
         [item.Spawned(name="lead", role="leads", model="x:y")]),
        (e.PromptAccepted(prompt_id="p1", text="hi", accepted_at=1.0),
         [item.Prompt(prompt_id="p1", text="hi")]),
        (e.MailTaken(inbox="inbox-lead", mail=(MAIL, MAIL), through_version=2),
         [item.MailIn(mail_id="m1", sender="mate", body="done")] * 2),
        (e.MailSent(mail=MAIL), [item.MailOut(mail_id="m1", to="lead", body="done")]),
        (e.RunStarted(run_id="r", started_at=1.0), [item.RunStarted(run_id="r")]),
        (e.InputPlaced(run_id="r", prompt_ids=("p1",)), []),
        (e.ModelCallRequested(effect_id="model-1", run_id="r", round=1), []),
        (e.ModelCallRequested(effect_id="model-2", run_id="r", round=1, attempt=2,
                              not_before=5.0),
         [item.ModelRetry(attempt=2, not_before=5.0)]),
        (e.ModelCallFailed(effect_id="model-1", kind="http", message="503", transient=True,
                           partial_text="so"),
         [item.ModelFailure(kind="http", message="503", transient=True, partial_text="so")]),
        (e.ToolCallsPlanned(calls=()), []),
        (e.ToolCallStarted(key="tool-1.0", tool="ls", idempotency_key="k", retry="safe",
                           started_at=1.0),
         [item.ToolCallChanged(key="tool-1.0", status="started")]),
        (e.ToolCallRestarted(key="tool-1.0", attempt=2, restarted_at=1.0),
         [item.ToolCallChanged(key="tool-1.0", status="restarted")]),
        (e.ToolCallProbeRequested(key="tool-1.0", attempt=1),
         [item.ToolCallChanged(key="tool-1.0", status="probing")]),
        (e.ToolCallFinished(key="tool-1.0", content="a b", is_error=True, details="{}",
                            spilled=REF),
         [item.ToolResult(key="tool-1.0", content="a b", is_error=True, details="{}",
                          spilled=REF)]),
        (e.ToolCallOutcomeUnknown(key="tool-1.0", reason="died"),
         [item.OutcomeUnknown(key="tool-1.0", reason="died")]),
        (e.ToolCallSkipped(key="tool-1.0", reason="cancelled"),
         [item.Skipped(key="tool-1.0", reason="cancelled")]),
        (e.InputPlaced(run_id="r", injected="think again"), [item.Injected(text="think again")]),
        (e.InputQueued(queue="steer", item_id="q", text="left", queued_at=1.0),
         [item.Queued(queue="steer", text="left")]),
        (e.MailHandedOver(command_id="c", mail_ids=("m1", "m2"), handed_at=1.0),
         [item.MailHandedOver(letters=2)]),
        (e.AgentReconfigured(changes=e.ProfileChanges(model="x:z", temperature=None),
                             changed_at=1.0),
         [item.Reconfigured(options=("model", "temperature"))]),
        (e.PermissionRequested(key="tool-1.0", request_id="p", tool="ls", call_id="c",
                               description="look", preview="{}", requested_at=1.0),
         [item.PermissionAsked(key="tool-1.0", request_id="p", description="look")]),
        (e.PermissionResolved(key="tool-1.0", request_id="p", allow=False, resolved_at=1.0,
                              reason="no", resolved_by="ann"),
         [item.PermissionGiven(key="tool-1.0", allow=False, reason="no", resolved_by="ann")]),
        (e.ToolCallCompensated(key="tool-1.0", tool="ls", content="gone"),
         [item.Undone(key="tool-1.0", tool="ls", content="gone")]),
        (e.AnswerAbandoned(effect_id="model-1", partial_text="hal", abandoned_at=1.0),
         [item.Abandoned(partial_text="hal")]),
        (e.AnswerAbandoned(effect_id="model-1", partial_text="", abandoned_at=1.0), []),
        (e.LeafMoved(from_entry=4, to_entry=2, reason="branch", moved_at=1.0),
         [item.Moved(to_entry=2, reason="branch")]),
        (e.RunStopRequested(run_id="r", reason="late", requested_at=1.0),
         [item.StopAsked(reason="late")]),
        (e.RunFinished(run_id="r", answer="model-1", finished_at=1.0),
         [item.RunEnded(run_id="r", how="finished", text="")]),
        (e.RunFinished(run_id="r", finished_at=1.0, early_end="token_budget"),
         [item.RunEnded(run_id="r", how="finished", text="token budget")]),
        (e.RunFailed(run_id="r", kind="http", message="no", failed_at=1.0),
         [item.RunEnded(run_id="r", how="failed", text="no")]),
        (e.RunCancelled(run_id="r", reason="enough", cancelled_at=1.0),
         [item.RunEnded(run_id="r", how="cancelled", text="enough")]),
        (e.AgentRecovered(open_effects=("tool-1.0@1",), recovered_at=1.0),
         [item.Recovered(open_effects=("tool-1.0@1",))]),
        (e.AgentBranched(branch="try", position=9, salt="s", branched_at=1.0),
         [item.Branched(branch="try", position=9)]),
        (e.ConversationEdited(kind="message", text="hm", edited_at=1.0, entry=2, by="ann"),
         [item.Edited(kind="message", entry=2, text="hm", by="ann")]),
        (e.AgentStopped(stopped_at=1.0), [item.Stopped()]),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_each_event_is_told(recorded, event, contents):
    """Whatever happened to an agent, people read it in its place and with its time."""
    (read,) = recorded((LEAD, event))

    assert items_of(read) == [
        item.TranscriptItem(
            stream_version=1, global_position=1, recorded_at=1_700_000_001.0, content=content
        )
        for content in contents
    ]


def test_an_answer_is_told_block_by_block(recorded):
    """Text, thinking and calls stand in order, each call with the key of its result."""
    answer = replied(
        ThinkingBlock(parts=("first", "second")),
        TextBlock(text="I look."),
        ToolCallBlock(call_id="c", name="ls", arguments='{"path": "."}'),
        RefusalBlock(text="not that"),
        OpaqueBlock(item_type="search", raw="{}", provenance=Provenance("p", "m", "w")),
        ToolCallBlock(call_id="c", name="cat"),
    )

    assert [told.content for told in items_of(recorded((LEAD, answer))[0])] == [
        item.AssistantThinking(text="first\n\nsecond"),
        item.AssistantText(text="I look."),
        item.ToolCall(key="tool-1.0", name="ls", arguments='{"path": "."}'),
        item.AssistantRefusal(text="not that"),
        item.AssistantOpaque(item_type="search"),
        item.ToolCall(key="tool-1.1", name="cat", arguments="{}"),
    ]


def test_the_fate_of_a_call_is_joined(recorded):
    """One look says what became of each call, though its items may be pages apart."""
    calls = [ToolCallBlock(call_id=str(n), name="t") for n in range(6)]
    items = [
        told
        for read in recorded(
            (LEAD, replied(*calls)),
            (LEAD, e.ToolCallFinished(key="tool-1.0", content="")),
            (LEAD, e.ToolCallFinished(key="tool-1.1", content="", is_error=True)),
            (LEAD, e.ToolCallOutcomeUnknown(key="tool-1.2", reason="")),
            (LEAD, e.ToolCallSkipped(key="tool-1.3", reason="")),
            (LEAD, e.ToolCallRestarted(key="tool-1.4", attempt=2, restarted_at=1.0)),
        )
        for told in items_of(read)
    ]

    assert list(call_statuses(items).values()) == [
        "finished", "failed", "unknown", "skipped", "restarted", "planned",
    ]  # fmt: skip


def test_pages_hold_neighbouring_versions(recorded):
    """A page never grows beyond its versions, and the pages in order are the conversation."""
    prompts = [
        (LEAD, e.PromptAccepted(prompt_id=str(n), text=str(n), accepted_at=1.0))
        for n in range(2 * PAGE_VERSIONS + 1)
    ]
    pages = fold_view(TRANSCRIPT, recorded(*prompts))

    assert [len(page.items) for page in pages.values()] == [PAGE_VERSIONS, PAGE_VERSIONS, 1]
    assert all(key.startswith(transcript_prefix(LEAD)) for key in pages)
    assert [told.stream_version for told in items_of_pages(pages)] == list(range(1, 130))


def test_streams_do_not_mix(recorded):
    """An agent's transcript has nothing of another one's, nor of its own inbox."""
    said = e.PromptAccepted(prompt_id="p", text="hi", accepted_at=1.0)
    pages = fold_view(TRANSCRIPT, recorded((LEAD, said), ("agent-lead2", said)))

    assert [key.split("/")[0] for key in pages] == [LEAD, "agent-lead2"]


def test_going_back_in_time(log):
    """The transcript as of a version is what it was then."""
    for text in ("one", "two", "three"):
        log.append(LEAD, e.PromptAccepted(prompt_id=text, text=text, accepted_at=1.0))
    then = transcript_items(log.journal, LEAD, through_version=2)
    now = transcript_items(log.journal, LEAD)

    assert [told.content.text for told in then] == ["one", "two"]
    assert [told.content.text for told in now] == ["one", "two", "three"]
