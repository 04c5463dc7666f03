"""What is shown of a turn: each event once, and the answer whole, however much was heard of it."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mentra_actors.cli.chat.live_part import live_lines, status_line
from mentra_actors.cli.chat.markdown_blocks import whole_blocks
from mentra_actors.cli.chat.shown import Line, Prose
from mentra_actors.cli.chat.turn_fold import STOPPED_HERE, Turn, after_event
from mentra_actors.domain.content import TextBlock, ThinkingBlock
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.runtime.views.snapshots import AgentSnapshot
from projections.feeds import agent_event as a

CALL = {"key": "tool-1.0", "call_id": "c", "tool": "shell"}


def not_compacted(reason, *, is_error=False, is_cancelled=False):
    return a.CompactionSkipped(
        effect_id="compact-1", reason=reason, is_error=is_error, is_cancelled=is_cancelled
    )


def shown_of(*events, turn=None):
    """All that is shown of events, one second apart, as text."""
    turn = turn or Turn()
    words = []
    for now, event in enumerate(events):
        turn, shown = after_event(turn, event, float(now))
        words += [one.text.plain if isinstance(one, Line) else one.text for one in shown]
    return turn, words


def pieces(text, sizes, effect_id="call-1"):
    at = 0
    for size in [*sizes, len(text)]:
        if text[at : at + size]:
            yield a.TextDelta(effect_id=effect_id, delta=text[at : at + size], offset=at)
        at += size


def whole(text, *thoughts, effect_id="call-1", stop=StopReason.END_TURN):
    blocks = (*(ThinkingBlock(parts=(one,)) for one in thoughts), TextBlock(text=text))
    return a.AssistantMessageCommitted(effect_id=effect_id, blocks=blocks, stop_reason=stop)


@given(
    text=st.text(st.sampled_from("ab `\n#-"), max_size=40),
    sizes=st.lists(st.integers(1, 9)),
    lost=st.sets(st.integers(0, 5)),
)
@example(text="a\n\nb\n\nc", sizes=[2, 2], lost={1})
def test_an_answer_is_shown_once_whatever_was_heard_of_it(text, sizes, lost):
    """Pieces may be missed; the whole answer that follows fills in what is not shown yet."""
    heard = [one for at, one in enumerate(pieces(text, sizes)) if at not in lost]

    _, words = shown_of(*heard, whole(text))

    assert "".join("".join(words).split()) == "".join(text.split())


@given(st.text(st.sampled_from("a \n`~"), max_size=60), st.text(max_size=20))
def test_what_comes_later_changes_no_block_that_is_whole(text, more):
    """A block is drawn once and never again, so nothing may be added to it."""
    end = whole_blocks(text)

    assert whole_blocks(text + more) >= end
    assert whole_blocks(text[:end]) == end


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("a\nb", 0),
        ("a\n\nb", 3),
        ("```\na\n\nb\n", 0),
        ("```\na\n\nb\n```\nc", 13),
        ("````\n```\n\n", 0),
        ("~~~py\n```\n~~~\n", 14),
    ],
)
def test_a_block_ends_with_an_empty_line_or_its_fence(text, end):
    assert whole_blocks(text) == end


def test_thoughts_come_before_the_answer_and_can_be_hidden():
    thought = a.ReasoningDelta(effect_id="call-1", delta="Hm.\nSo", offset=0)
    _, words = shown_of(thought, *pieces("Yes.", []), whole("Yes."))
    _, hidden = shown_of(thought, whole("Yes."), turn=Turn(hides_thoughts=True))
    _, unheard = shown_of(whole("Yes.", "I think."))

    assert words == ["  Hm.", "  So", "Yes."]
    assert hidden == ["Yes."]
    assert unheard == ["  I think.", "Yes."]


def test_half_an_answer_stays_when_another_attempt_begins():
    """What a person has read does not vanish; the new answer is shown as a whole."""
    retry = a.RetryAttempt(error="overloaded", attempt=1, max_attempts=3, next_delay_s=2.0)
    _, words = shown_of(
        *pieces("Half an", []),
        retry,
        *pieces("All of it", [], effect_id="call-2"),
        whole("All of it", effect_id="call-2"),
    )

    assert words == ["Half an", "↻ overloaded; asking again", "All of it"]


def test_a_call_that_is_tried_often_is_one_quiet_line_until_it_is_answered():
    """The same error five times over pushes the answer off the screen."""
    once, again = (
        a.RetryAttempt(error="overloaded", attempt=at, max_attempts=3, next_delay_s=2.0 * at)
        for at in (1, 2)
    )
    late = msgspec.structs.replace(once, error="busy", next_delay_s=60.0)
    snapshot = AgentSnapshot(
        agent_id="a", name="a", model="m", stream_version=1, status="retrying", run_id="r"
    )
    turn, words = shown_of(once, again)
    answered, more = shown_of(whole("Yes."), late, turn=turn)

    assert words == ["↻ overloaded; asking again"]
    assert "waiting to ask again · retry 2 of 3 · Esc" in status_line(snapshot, turn, 4.0)
    assert more == ["Yes.", "↻ busy; asking again in 60 s"]
    assert answered.retry == "retry 1 of 3"
    assert shown_of(whole("Yes."), turn=turn)[0].retry == ""


def test_a_call_is_one_line_with_its_time_and_its_result():
    ready = a.ToolUseReady(index=0, arguments='{"command":"ls -l"}', **CALL)
    started = a.ToolExecutionStarted(arguments="{}", **CALL)
    progress = a.ToolExecutionProgress(key="tool-1.0", tool="shell", progress="3 files")
    ended = a.ToolExecutionFinished(content="total 0\nx", is_error=False, **CALL)
    turn, nothing = shown_of(ready, started, progress)
    live = live_lines(turn, 4.0, width=80, most=5)
    _, words = shown_of(ready, started, progress, ended)

    assert nothing == []
    assert live == [("class:call", "→ shell: ls -l  3 s · 3 files")]
    assert words == ["✓ shell: ls -l  2.0 s", "  total 0 x"]


def test_an_edit_is_shown_as_a_diff():
    diff = json.dumps({"diff": "-1 a\n+1 b", "patch": ""})
    ended = a.ToolExecutionFinished(content="Replaced", is_error=False, details=diff, **CALL)
    _, shown = after_event(Turn(), ended, 0.0)

    assert [(str(one.text), str(one.text.style)) for one in shown[2:]] == [
        ("    -1 a", "red"),
        ("    +1 b", "green"),
    ]


@pytest.mark.parametrize("details", ["", "no JSON", "[]", '{"diff":1}', "[" * 100_000])
def test_details_of_other_tools_are_no_diff(details):
    ended = a.ToolExecutionFinished(content="x", is_error=True, details=details, **CALL)

    assert shown_of(ended)[1] == ["✗ shell", "  x"]


def test_a_turn_ends_with_what_it_has_used():
    usage = TokenUsage(input_tokens=10, output_tokens=2)
    report = a.UsageReport(effect_id="call-1", model="m", usage=usage, cost_usd_micros=1500)
    turn, words = shown_of(
        a.RunStarted(run_id="r"), report, report, a.RunFinished(run_id="r", ending="answered")
    )

    assert words == ["20 tokens in, 4 out, $0.0030, 3.0 s"]
    assert turn == Turn()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            a.RunFailed(run_id="r", kind="cancelled", error="by ann"),
            "■ stopped (by ann); 0 tokens in",
        ),
        (
            a.RunFailed(run_id="r", kind="cancelled", error=STOPPED_HERE),
            "■ stopped; 0 tokens in, 0 out",
        ),
        (a.RunFailed(run_id="r", kind="model", error="no key"), "✗ no key"),
        (
            a.RunFinished(run_id="r", ending="early", early_end="token_budget"),
            "ended early: token",
        ),
        (a.FallbackUsed(model="b:c"), "⇄ goes on with b:c"),
        (a.ContextCompacted(trigger="manual", replaced=4, kept=1, summary="s"), "◇ 4 older"),
        (
            a.ContextCompacted(trigger="auto", replaced=1, kept=1, summary="s"),
            "◇ 1 older entry is",
        ),
        (not_compacted("no key", is_error=True), "◇ nothing was summarised; the conv"),
        (not_compacted("there was no older history"), "◇ nothing was summarised: all of it"),
        (not_compacted("by ann", is_cancelled=True), "◇ the summary was stopped; the conv"),
        (a.Notice(severity="warning", message="careful"), "◇ careful"),
        (a.RunStarted(run_id="r", resumes="q"), "↻ going on"),
        (a.InputAdded(source="follow_up", input_id="i", text="x"), "\n» x\n  queued: said"),
        (whole("x", stop=StopReason.MAX_TOKENS), "x\nthe model stopped: max tokens"),
    ],
)
def test_a_person_is_told(event, words):
    assert "\n".join(shown_of(event)[1]).startswith(words)


def test_the_live_part_fits_a_narrow_terminal_and_is_harmless():
    turn, _ = shown_of(*pieces("漢字" * 30 + "\x1b[2J\tx" + "y" * 50, []))
    lines = live_lines(turn, 0.0, width=20, most=4)

    assert len(lines) == 4
    assert "\x1b" not in "".join(text for _, text in lines)
    assert "�[2J" in "".join(text for _, text in lines)


def test_the_status_says_what_waits():
    snapshot = AgentSnapshot(
        agent_id="a", name="a", model="m", stream_version=1, status="streaming", queued_steers=2
    )
    working = msgspec.structs.replace(snapshot, run_id="r")

    assert status_line(snapshot, Turn(), 0.0) == ""
    assert status_line(working, Turn(began_at=1.0), 4.0).endswith(
        "answering 3 s · Esc stops · 2 queued"
    )
    compacting = msgspec.structs.replace(snapshot, status="compacting", queued_steers=0)
    assert status_line(compacting, Turn(began_at=1.0), 4.0).endswith(
        " summarising the older part · Esc stops"
    )


def test_prose_is_what_the_model_wrote():
    _, shown = after_event(Turn(), whole("# A\n\nb"), 0.0)

    assert shown == [Prose("# A\n\nb")]
