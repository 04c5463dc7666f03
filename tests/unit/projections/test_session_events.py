"""The feed of an agent in the words of a chat: what each event says there, on one line."""

import typing

import msgspec
import pytest

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.run_options import RunOptions, TerminalOutput
from mentra_actors.domain.background import events as b
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.content import TextBlock, ThinkingBlock, ToolCallBlock
from mentra_actors.domain.memory import MemoryForgotten, MemoryRecord, MemoryRecorded
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.domain.team import (
    MemberJoined,
    MemberRemoved,
    MemberRenamed,
    MemberStopOrdered,
)
from projections.feeds import agent_event as a
from projections.feeds import session_event as s
from projections.feeds.session_events import (
    NO_VALUE,
    SessionFeedState,
    session_event,
    session_events,
)
from projections.feeds.session_lines import call_summary

USAGE = TokenUsage(input_tokens=3, output_tokens=2)
ASKED = a.PermissionRequested(
    request_id="perm-1", key="tool-1.0", call_id="c", tool="rm", description="why", preview="{}"
)
DECIDED = a.PermissionResolved(
    request_id="perm-1", key="tool-1.0", call_id="c", tool="rm", allow=False, reason="no"
)
OTHER_MODEL = a.FallbackUsed(model="spare:small")
RETRY = a.RetryAttempt(error="503", attempt=1, max_attempts=5, next_delay_s=0.5)
BRANCHED = a.Branched(entry_id=1, from_entry=3, reason="branch")
BEGUN = a.CompactionStarted(effect_id="compact-1", trigger="auto", tokens=61, limit=50)
SKIPPED = a.CompactionSkipped(
    effect_id="compact-1", reason="busy", is_error=True, is_cancelled=False
)
UNDONE = a.CompactionUndone(effect_id="compact-1")
NOTICE = a.Notice(severity="info", message="the agent was stopped")

WORDS = [
    (a.InputAdded(source="steer", input_id="s1", text="left"),
     s.UserMessage(source="steer", input_id="s1", text="left")),
    (a.TextDelta(effect_id="model-1", delta="lo", offset=3),
     s.AssistantTokenDelta(effect_id="model-1", delta="lo", offset=3)),
    (a.ReasoningDelta(effect_id="model-1", delta="hm", offset=0),
     s.AssistantReasoningDelta(effect_id="model-1", delta="hm", offset=0)),
    (a.AssistantMessageCommitted(
        effect_id="model-1", stop_reason=StopReason.END_TURN,
        blocks=(ThinkingBlock(parts=("hm",)), TextBlock(text="one"), TextBlock(text="two"))),
     s.AssistantMessageCompleted(effect_id="model-1", text="one\n\ntwo")),
    (a.ToolUseReady(key="tool-1.0", index=0, call_id="c", tool="ls", arguments='{"path": "."}'),
     s.ToolQueued(key="tool-1.0", tool_call_id="c", tool_name="ls", summary="ls: .",
                  input_json='{"path": "."}')),
    (a.ToolExecutionStarted(key="tool-1.0", call_id="c", tool="ls", arguments="{}"),
     s.ToolStarted(key="tool-1.0", tool_call_id="c", tool_name="ls")),
    (a.ToolExecutionProgress(key="tool-1.0", tool="ls", progress="half"),
     s.ToolProgress(key="tool-1.0", tool_name="ls", progress="half")),
    (a.ToolExecutionFinished(key="tool-1.0", call_id="c", tool="ls", content="a\nb",
                             is_error=True, outcome="skipped", details="{}"),
     s.ToolCompleted(key="tool-1.0", tool_call_id="c", tool_name="ls", summary="a b",
                     is_error=True)),
    (a.UsageReport(effect_id="model-1", model="x:y", usage=USAGE, cost_usd_micros=7),
     s.UsageReport(effect_id="model-1", model="x:y", usage=USAGE, cost_usd_micros=7)),
    (a.ContextCompacted(
        effect_id="compact-1", trigger="tool", replaced=3, kept=1, summary="so far"),
     s.CompactionCompleted(
         effect_id="compact-1", trigger="tool", replaced=3, kept=1, summary="so far")),
    (a.RunFinished(run_id="r", ending="early", early_end="token_budget"),
     s.TurnEnded(ending="early", early_end="token_budget")),
    (a.RunFailed(run_id="r", kind="http", error="503", is_transient=True),
     s.TurnFailed(kind="http", message="503", recoverable=True)),
    *[(same, same) for same in (ASKED, DECIDED, RETRY, OTHER_MODEL, BRANCHED, NOTICE)],
    *[(same, same) for same in (BEGUN, SKIPPED, UNDONE)],
]  # fmt: skip
UNSAID = [
    a.RunStarted(run_id="r"),
    a.TeamInboxUpdated(unread_count=1),
    a.ToolUseUpdated(effect_id="model-1", index=0, call_id="c", tool="ls", delta="{"),
    a.Reconfigured(changes=e.ProfileChanges(model="x:z")),
    # told by `task_events`, which remembers their names
    a.SubagentSpawned(key="tool-1.0", agent_id="lead.1", name="scout", model="x:y"),
    a.SubagentFinished(agent_id="lead.1", how="failed"),
]
PROFILE = e.AgentProfile(agent_id="lead", name="lead", team_id="t", role="r", model="x:y")
SPAWNED = e.AgentSpawned(profile=PROFILE, spawned_at=1.0)


def told(*events, **options):
    """What a session tells of events, those of streams beside the agent's own among them."""
    state, said = SessionFeedState(), []
    for event in events:
        state, more = session_events(state, event, **options)
        said += more
    return said


@pytest.mark.parametrize(("event", "said"), WORDS, ids=lambda one: type(one).__name__)
def test_each_event_has_its_words(event, said):
    """A chat shows what it needs and nothing in the words of the machine."""
    assert session_event(event) == said


@pytest.mark.parametrize("event", UNSAID, ids=lambda one: type(one).__name__)
def test_some_events_are_not_for_a_chat(event):
    """They would be noise there; who wants them reads the feed of the agent."""
    assert session_event(event) is None


def test_no_event_is_forgotten():
    """A new event must be said in a chat or left out on purpose."""
    known = [type(event) for event, _ in WORDS] + [type(event) for event in UNSAID]

    assert sorted(one.__name__ for one in known) == sorted(
        one.__name__ for one in typing.get_args(a.AgentEvent)
    )


def test_a_session_begins_with_its_agent():
    """Whoever reads from the start learns first who speaks."""
    assert told(SPAWNED) == [s.SessionStarted(agent_id="lead", name="lead", model="x:y")]


@pytest.mark.parametrize("union", [a.AgentEvent, s.SessionEvent], ids=["agent", "session"])
def test_each_event_goes_through_json(union):
    """A feed ends in a browser or a file: `type` names the event, and it comes back as it was."""
    examples = [event for event, _ in WORDS] + UNSAID
    if union is s.SessionEvent:
        examples = list({type(said): said for _, said in WORDS}.values())
        examples += [
            s.SessionStarted(agent_id="lead", name="lead", model="x:y"),
            s.TaskUpdated(task_id="j1", kind="background_task", status="running", title="make"),
            s.MemoryUpdated(
                agent_id="lead",
                record_id="fact-1",
                change="recorded",
                stored_records=1,
                kind="fact",
            ),
        ]
    tags = [msgspec.to_builtins(event)["type"] for event in examples]

    assert [type(event) for event in examples] == list(dict.fromkeys(map(type, examples)))
    assert {type(event) for event in examples} == set(typing.get_args(union))
    assert len(set(tags)) == len(tags)
    for event in examples:
        assert msgspec.json.decode(msgspec.json.encode(event), type=union) == event


# --- one line ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "summary"),
    [
        ('{"command": "make test", "path": "a"}', "run: make test"),
        ('{"file_path": "b", "path": "a"}', "run: a"),
        ('{"file_path": "b"}', "run: b"),
        ('{"path": 7}', 'run({"path": 7})'),
        ('{"n": 1,\n  "m": 2}', 'run({"n": 1, "m": 2})'),
        ('{"path": "a', 'run({"path": "a)'),
        ("", "run()"),
        ("[1]", "run([1])"),
        ('{"command": "cd a\\n\\tmake"}', "run: cd a make"),
        ('{"command": "' + "x" * 101 + '"}', "run: " + "x" * 97 + "..."),
        ('{"command": "' + "x" * 100 + '"}', "run: " + "x" * 100),
        ('{"command": "' + "ä" * 60 + '"}', "run: " + "ä" * 48 + "..."),
        ('{"n": "' + "x" * 60 + '"}', 'run({"n": "' + "x" * 50 + "...)"),
    ],
)
def test_a_call_on_one_line(arguments, summary):
    """A person sees at a glance what a tool is about to touch; no character is cut in two."""
    assert call_summary("run", arguments) == summary


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("read", '{"path": "\\ud800"}'),
        ("read", "[" * 200_000),
        ("t" * 64, '{"path": "' + "x" * 300 + '"}'),
        ("made\nup " * 100, "{}"),
    ],
    ids=["half a character", "too deep", "long name and path", "made up name"],
)
def test_whatever_a_model_writes_makes_a_line(tool, arguments):
    """One strange call on the log would otherwise end every reader of that log for good."""
    summary = call_summary(tool, arguments)

    assert len(summary.encode()) <= 160
    assert "\n" not in summary


def test_a_result_shows_its_beginning():
    """A chat is no place for a megabyte."""
    finished = a.ToolExecutionFinished(
        key="tool-1.0", call_id="c", tool="cat", content="ä" * 1_000, is_error=False
    )

    assert session_event(finished).summary == "ä" * 98 + "..."


# --- what stands beside the agent -------------------------------------------------------------

WANTED = b.JobRequested(
    job_id="j1", command_id="c", command="make\ntest", cwd="/", digest="d", requested_at=1.0
)
RUNS = b.JobStarted(job_id="j1", started_at=2.0, directory="/j1")
JOB_ENDS = [
    (b.JobFinished(job_id="j1", exit_code=0, ended_at=3.0,
                   output=b.JobOutput(preview="all green")), "finished", "all green"),
    (b.JobFinished(job_id="j1", exit_code=2, ended_at=3.0), "failed", "(no output)"),
    (b.JobFailed(job_id="j1", error="no make", ended_at=3.0), "failed", "no make"),
    (b.JobTimedOut(job_id="j1", ended_at=3.0), "failed", "it ran out of time"),
    (b.JobCancelled(job_id="j1", ended_at=3.0), "cancelled", "(no output)"),
    (b.JobInterrupted(job_id="j1", reason="the runtime was closed", ended_at=3.0),
     "failed", "the runtime was closed"),
]  # fmt: skip


@pytest.mark.parametrize(("end", "status", "detail"), JOB_ENDS)
def test_a_job_is_told_from_its_wish_to_its_end(end, status, detail):
    """A person sees what runs in the background, and what came of it, once."""
    said = told(SPAWNED, WANTED, RUNS, end, end)[1:]

    assert [(one.task_id, one.kind, one.title) for one in said] == [
        ("j1", "background_task", "make test")
    ] * 3
    assert [(one.status, one.detail) for one in said] == [
        ("spawned", ""),
        ("running", ""),
        (status, detail),
    ]


def mate(name, **fields):
    """A member of the team."""
    return msgspec.structs.replace(PROFILE, agent_id=f"id-{name}", name=name, **fields)


def joins(profile, lead_id=""):
    """It joins the team."""
    return MemberJoined(command_id="c", profile=profile, joined_at=1.0, lead_id=lead_id)


def test_a_teammate_is_told_by_its_present_name():
    """Those of others, and persons, are not the session's to tell of."""
    said = told(
        joins(PROFILE),
        SPAWNED,
        joins(mate("ann", lead="lead", role="tests"), lead_id="lead"),
        joins(mate("bob", lead="other")),
        joins(mate("eve", lead="lead"), lead_id="other"),
        joins(mate("dan", is_person=True, lead="lead")),
        MemberRenamed(command_id="c", agent_id="id-ann", old="ann", new="anna", renamed_at=2.0),
        MemberStopOrdered(
            command_id="c",
            agent_id="id-ann",
            name="anna",
            how="now",
            ordered_at=3.0,
            reason="done",
        ),
        MemberRemoved(command_id="c", agent_id="id-ann", name="anna", removed_at=4.0),
        MemberRemoved(command_id="c", agent_id="id-bob", name="bob", removed_at=4.0),
    )[1:]

    assert said == [
        s.TaskUpdated(
            task_id="id-ann", kind="teammate", status="spawned", title="ann", detail="tests"
        ),
        s.TaskUpdated(
            task_id="id-ann", kind="teammate", status="stopped", title="anna", detail="done"
        ),
    ]


def test_an_agent_with_a_new_name_still_knows_its_teammates():
    """Older logs name a lead by its name alone."""
    renamed = e.AgentRenamed(name="chief", renamed_at=2.0)

    said = told(SPAWNED, renamed, joins(mate("ann", lead="chief")), joins(mate("b", lead="lead")))

    assert [one.title for one in said[1:]] == ["ann"]


@pytest.mark.parametrize(
    ("end", "status", "detail"),
    [
        (e.SubagentFinished(agent_id="id-s", how="finished", finished_at=2.0), "finished", ""),
        (e.SubagentFinished(agent_id="id-s", how="failed", finished_at=2.0), "failed", ""),
        (e.SubagentEndOrdered(agent_id="id-s", how="stop", reason="late"), "stopped", "late"),
        (e.SubagentEndOrdered(agent_id="id-s", how="cancel", reason="x"), "cancelled", "x"),
    ],
)
def test_the_end_of_a_subagent_says_whose_it_is(end, status, detail):
    """A line that only had an id would say nothing to a person."""
    child = mate("s", parent="lead")
    spawned = e.SubagentSpawned(key="", profile=child, options=RunOptions(), spawned_at=1.0)

    said = told(SPAWNED, spawned, end)[1:]

    assert [(one.status, one.title) for one in said] == [("spawned", "s"), (status, "s")]
    assert said[-1].detail == detail


def test_memory_tells_how_much_there_is():
    """A record that is told twice counts once; one that is forgotten no more."""
    record = MemoryRecord(
        record_id="f1", kind="fact", content="x", source="manual_pin", recorded_at=1.0, by="lead"
    )
    gone = MemoryForgotten(record_id="f1", by="lead", forgotten_at=2.0)

    said = told(SPAWNED, MemoryRecorded(record=record), gone)[1:]

    assert [(one.change, one.stored_records, one.kind) for one in said] == [
        ("recorded", 1, "fact"),
        ("forgotten", 0, None),
    ]
    assert {one.agent_id for one in said} == {"lead"}


def test_a_compaction_is_told_before_it_is_done():
    """A person who waits wants to know why, not to be told afterwards."""
    compaction = Compaction(through=6, summary="s", replaced=4, kept=(5,))
    made = {"compaction": compaction, "compacted_at": 2.0}
    by_hand = told(e.CompactionRequested(effect_id="compact-1", requested_at=1.0))
    by_tool = told(
        e.ToolCallStarted(
            key="t-1.0", tool="compact", idempotency_key="k", retry="safe", started_at=1.0
        )
    )
    done = told(e.ConversationCompacted(effect_id="compact-1", **made))

    unknown = {"tokens": 0, "limit": 0}
    assert by_hand == [s.CompactionStarted(effect_id="compact-1", trigger="manual", **unknown)]
    assert by_tool[-1] == s.CompactionStarted(effect_id="t-1.0", trigger="tool", **unknown)
    assert [(one.effect_id, one.replaced) for one in done] == [("compact-1", 4)]


def test_a_call_says_if_it_may_change_anything_and_a_bill_whose_it_is():
    """Both are known where the session is told, not where the model spoke."""
    replied = e.ModelReplied(
        effect_id="model-1",
        blocks=(ToolCallBlock(call_id="c", name="ls"), ToolCallBlock(call_id="d", name="rm")),
        stop_reason=StopReason.TOOL_USE,
    )
    kinds = {"ls": "read_only", "rm": "mutating"}

    said = told(SPAWNED, replied, mutability_of=kinds.__getitem__)
    unknown = [one for one in told(replied) if isinstance(one, s.ToolQueued)]

    assert [one.mutability for one in said if isinstance(one, s.ToolQueued)] == [
        "read_only",
        "mutating",
    ]
    assert [one.agent_id for one in said if isinstance(one, s.UsageReport)] == ["lead"]
    assert {one.mutability for one in unknown} == {"unknown"}


def test_a_turn_without_its_value_has_failed():
    """It ended in order, and whoever wanted the value got an error."""
    output = TerminalOutput(tool_name="out", schema="{}")
    wants = e.RunStarted(run_id="r1", started_at=1.0, options=RunOptions(output=output))
    without = e.RunFinished(run_id="r1", finished_at=2.0)
    with_it = e.RunFinished(run_id="r1", finished_at=2.0, output="t-1.0")
    plain = e.RunStarted(run_id="r2", started_at=3.0)

    assert told(wants, without) == [
        s.TurnFailed(kind="no_output", message=NO_VALUE, recoverable=False)
    ]
    assert told(wants, with_it) == [s.TurnEnded(ending="answered")]
    assert told(wants, without, plain, without)[-1] == s.TurnEnded(ending="answered")
