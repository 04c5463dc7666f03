"""The feed of an agent in the words of a chat: what each event says there, on one line."""

import typing

import msgspec
import pytest

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import TextBlock, ThinkingBlock
from mentra_actors.domain.model_call import StopReason, TokenUsage
from projections import agent_event as a
from projections import session_event as s
from projections.agent_events import AgentFeedState
from projections.session_events import call_summary, session_event, session_events

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
SHORTER = a.ContextCompacted(trigger="tool", replaced=3, kept=1, summary="so far")
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
    (a.SubagentSpawned(key="tool-1.0", agent_id="lead.1", name="scout", model="x:y"),
     s.TaskUpdated(task_id="lead.1", kind="subagent", status="spawned", title="scout")),
    (a.SubagentFinished(agent_id="lead.1", how="failed"),
     s.TaskUpdated(task_id="lead.1", kind="subagent", status="failed", title="")),
    (a.RunFinished(run_id="r", ending="early", early_end="token_budget"),
     s.TurnEnded(ending="early", early_end="token_budget")),
    (a.RunFailed(run_id="r", kind="http", error="503", is_transient=True),
     s.TurnFailed(kind="http", message="503", recoverable=True)),
    *[(same, same) for same in (ASKED, DECIDED, RETRY, OTHER_MODEL, BRANCHED, SHORTER, NOTICE)],
    *[(same, same) for same in (BEGUN, SKIPPED, UNDONE)],
]  # fmt: skip
UNSAID = [
    a.RunStarted(run_id="r"),
    a.TeamInboxUpdated(unread_count=1),
    a.ToolUseUpdated(effect_id="model-1", index=0, call_id="c", tool="ls", delta="{"),
    a.Reconfigured(changes=e.ProfileChanges(model="x:z")),
]


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
    profile = e.AgentProfile(agent_id="lead", name="lead", team_id="t", role="r", model="x:y")
    state, said = session_events(AgentFeedState(), e.AgentSpawned(profile=profile, spawned_at=1.0))

    assert state == AgentFeedState()
    assert list(said) == [s.SessionStarted(agent_id="lead", name="lead", model="x:y")]


@pytest.mark.parametrize("union", [a.AgentEvent, s.SessionEvent], ids=["agent", "session"])
def test_each_event_goes_through_json(union):
    """A feed ends in a browser or a file: `type` names the event, and it comes back as it was."""
    examples = [event for event, _ in WORDS] + UNSAID
    if union is s.SessionEvent:
        examples = list({type(said): said for _, said in WORDS}.values())
        examples.append(s.SessionStarted(agent_id="lead", name="lead", model="x:y"))
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
