"""From the feed of an agent to what a chat shows: a fold from events to lines. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from rich.text import Text

from mentra_actors.cli.chat.markdown_blocks import whole_blocks
from mentra_actors.cli.chat.shown import Line, Prose, Shown, line, lines_of
from mentra_actors.cli.render.render_run import retry_words, spent_words
from mentra_actors.decider import ByEvent
from mentra_actors.domain.content import ThinkingBlock, text_of
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.runtime.agents.run_watch import is_whole
from mentra_actors.runtime.views.snapshots import AgentSnapshot
from projections.feeds import agent_event as a
from projections.feeds.agent_event import AgentEvent
from projections.feeds.session_lines import call_summary
from projections.views.sentence_words import clipped, counted

__all__ = [
    "STOPPED_HERE",
    "Call",
    "Turn",
    "after_event",
    "diff_lines",
    "said_line",
    "turn_of",
]

STOPPED_HERE = "stopped at the terminal"
"""Why a run has ended that the person of this chat has stopped."""

THOUGHT = "dim italic"
_MOST_RESULT_CHARS = 160
_MOST_DIFF_LINES = 40
_DIFF_STYLES = {"+": "green", "-": "red"}
_replace = msgspec.structs.replace


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call that has no result yet. `began_at` is None before it runs."""

    summary: str
    began_at: float | None = None
    progress: str = ""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What the next events of a turn are shown with.

    `said` and `thought` are all that has come of the answer `effect_id`, of which so many
    characters are shown. `calls` are open ones by key. `began_at` is None between turns. `usage`
    and `cost` are of the turn; a cost of None is not known. With `hides_thoughts` they are kept
    back. `retry` says how often a call was tried again that has no answer yet.
    """

    effect_id: str = ""
    said: str = ""
    said_shown: int = 0
    thought: str = ""
    thought_shown: int = 0
    calls: Mapping[str, Call] = {}
    began_at: float | None = None
    usage: TokenUsage = TokenUsage()
    cost: int | None = 0
    hides_thoughts: bool = False
    retry: str = ""


Step: TypeAlias = tuple[Turn, Sequence[Shown]]


def turn_of(snapshot: AgentSnapshot, now: float) -> Turn:
    """The turn in which an agent is found."""
    calls = {
        one.key: Call(
            summary=call_summary(one.tool, one.arguments),
            began_at=now if one.status in ("started", "probing") else None,
        )
        for one in snapshot.open_calls
    }
    return Turn(calls=calls, began_at=now if snapshot.run_id else None)


def after_event(turn: Turn, event: AgentEvent, now: float) -> Step:
    """The turn after an event, and what is shown of it; `now` is in seconds of any clock."""
    step = _STEPS.get(type(event))
    if step is not None:
        return step(turn, event, now)
    words = _WORDS.get(type(event))
    return turn, () if words is None else words(event)


def said_line(text: str) -> Sequence[Line]:
    """What a person has said."""
    first, *more = text.splitlines() or [""]
    lines = [line(""), Line(Text.assemble(("» ", "bold cyan"), (first, "bold")))]
    return [*lines, *(line(f"  {one}", "bold") for one in more)]


def diff_lines(diff: str) -> Sequence[Line]:
    """A diff in colours, of a long one the beginning."""
    lines = diff.splitlines()
    shown: list[Line] = [
        line(f"    {one}", _DIFF_STYLES.get(one[:1], "dim")) for one in lines[:_MOST_DIFF_LINES]
    ]
    left = len(lines) - _MOST_DIFF_LINES
    return [*shown, line(f"    … {counted(left, 'more line')}", "dim")] if left > 0 else shown


# --- the answer -------------------------------------------------------------------------------


def _heard(turn: Turn, effect_id: str) -> Step:
    """The turn with this answer; what was shown of another one broke off."""
    if turn.effect_id == effect_id:
        return turn, ()
    after, shown = _whole(turn)
    return _replace(after, effect_id=effect_id), shown


def _whole(turn: Turn) -> Step:
    """Everything of the answer that has come is shown."""
    turn, thoughts = _thoughts(turn, len(turn.thought))
    rest = turn.said[turn.said_shown :]
    shown = [*thoughts, *([Prose(rest)] if rest.strip() else [])]
    after = _replace(turn, effect_id="", said="", said_shown=0, thought="", thought_shown=0)
    return after, shown


def _thoughts(turn: Turn, through: int) -> Step:
    words = turn.thought[turn.thought_shown : through].strip("\n")
    if through <= turn.thought_shown:
        return turn, ()
    shown = [] if turn.hides_thoughts or not words else lines_of(words, THOUGHT, indent="  ")
    return _replace(turn, thought_shown=through), shown


def _text_came(turn: Turn, event: a.TextDelta, _now: float) -> Step:
    turn, before = _heard(turn, event.effect_id)
    turn, thoughts = _thoughts(turn, len(turn.thought))
    said = _with_piece(turn.said, event.delta, event.offset)
    end = turn.said_shown + whole_blocks(said[turn.said_shown :])
    piece = said[turn.said_shown : end]
    after = _replace(turn, said=said, said_shown=end)
    return after, [*before, *thoughts, *([Prose(piece)] if piece.strip() else [])]


def _thought_came(turn: Turn, event: a.ReasoningDelta, _now: float) -> Step:
    turn, before = _heard(turn, event.effect_id)
    thought = _with_piece(turn.thought, event.delta, event.offset)
    after, shown = _thoughts(_replace(turn, thought=thought), thought.rfind("\n") + 1)
    return after, [*before, *shown]


def _with_piece(text: str, piece: str, offset: int) -> str:
    """A text with a piece; one that leaves a gap is left to the whole answer."""
    return text if offset > len(text) else text[:offset] + piece


def _answered(turn: Turn, event: a.AssistantMessageCommitted, _now: float) -> Step:
    turn, before = _heard(turn, event.effect_id)
    said, at = _unsaid(turn, text_of(event.blocks))
    thought = turn.thought or _thought_in(event)
    after, shown = _whole(_replace(turn, said=said, said_shown=at, thought=thought, retry=""))
    if not is_whole(event.stop_reason):
        why = str(event.stop_reason).replace("_", " ")
        shown = [*shown, line(f"the model stopped: {why}", "yellow")]
    return after, [*before, *shown]


def _unsaid(turn: Turn, whole: str) -> tuple[str, int]:
    """The text of an answer, and how much of it is shown already."""
    if _letters(turn.said) == _letters(whole):
        return turn.said, turn.said_shown
    return whole, turn.said_shown if whole.startswith(turn.said[: turn.said_shown]) else 0


def _letters(text: str) -> str:
    return "".join(text.split())


def _thought_in(event: a.AssistantMessageCommitted) -> str:
    parts = [part for one in event.blocks if isinstance(one, ThinkingBlock) for part in one.parts]
    return "\n".join(parts)


# --- calls ------------------------------------------------------------------------------------


def _call_wanted(turn: Turn, event: a.ToolUseReady, _now: float) -> Step:
    return _with_call(turn, event.key, Call(summary=call_summary(event.tool, event.arguments))), ()


def _call_began(turn: Turn, event: a.ToolExecutionStarted, now: float) -> Step:
    call = turn.calls.get(event.key) or Call(summary=call_summary(event.tool, event.arguments))
    again = [line(f"↻ again: {call.summary}", "yellow", is_cut=True)] if event.attempt > 1 else []
    return _with_call(turn, event.key, _replace(call, began_at=now)), again


def _call_told(turn: Turn, event: a.ToolExecutionProgress, _now: float) -> Step:
    call = turn.calls.get(event.key)
    if call is None:
        return turn, ()
    return _with_call(turn, event.key, _replace(call, progress=event.progress)), ()


def _with_call(turn: Turn, key: str, call: Call) -> Turn:
    return _replace(turn, calls={**turn.calls, key: call})


def _call_ended(turn: Turn, event: a.ToolExecutionFinished, now: float) -> Step:
    call = turn.calls.get(event.key) or Call(summary=event.tool)
    left = {key: one for key, one in turn.calls.items() if key != event.key}
    took = "" if call.began_at is None else f"  {now - call.began_at:.1f} s"
    mark, style = ("✗", "red") if event.is_error else ("✓", "green")
    if event.outcome == "unknown":
        mark, style = "?", "bold red"
    head = Text.assemble((f"{mark} ", style), call.summary, (took, "dim"))
    result = line(
        f"  {clipped(event.content, _MOST_RESULT_CHARS)}",
        "red" if event.is_error else "dim",
        is_cut=not event.is_error,
    )
    shown = [Line(head, is_cut=True), result, *diff_lines(_diff_in(event.details))]
    return _replace(turn, calls=left), shown


def _diff_in(details: str) -> str:
    try:
        told = json.loads(details or "{}")
    except (ValueError, RecursionError):
        return ""
    diff = told.get("diff") if isinstance(told, Mapping) else None
    return diff if isinstance(diff, str) else ""


# --- the turn ---------------------------------------------------------------------------------


def _began(turn: Turn, event: a.RunStarted, now: float) -> Step:
    after = _replace(turn, began_at=now, usage=TokenUsage(), cost=0)
    return after, [line("↻ going on with the turn that was broken off", "yellow")] * bool(
        event.resumes
    )


def _used(turn: Turn, event: a.UsageReport, _now: float) -> Step:
    cost = turn.cost
    if cost is not None and event.cost_usd_micros is not None:
        cost += event.cost_usd_micros
    elif event.usage.total_tokens:
        cost = None
    return _replace(turn, usage=turn.usage + event.usage, cost=cost), ()


def _retried(turn: Turn, event: a.RetryAttempt, _now: float) -> Step:
    """The first failure is a line; how often it is tried by now stands where it can change."""
    first = not turn.retry
    turn, shown = _whole(turn)
    after = _replace(turn, retry=f"retry {event.attempt} of {event.max_attempts}")
    told = [line(retry_words(event.error, event.next_delay_s), "dim")] if first else []
    return after, [*shown, *told]


def _finished(turn: Turn, event: a.RunFinished, now: float) -> Step:
    early = f"ended early: {event.early_end.replace('_', ' ')}; " if event.early_end else ""
    return _over(turn, now, early, "dim")


def _broken_off(turn: Turn, event: a.RunFailed, now: float) -> Step:
    if event.kind == "cancelled":
        back = "; the conversation is as it was before" if event.is_rolled_back else ""
        why = "" if event.error in (STOPPED_HERE, "cancelled") else f" ({event.error})"
        return _over(turn, now, f"■ stopped{why}{back}; ", "yellow")
    turn, shown = _over(turn, now, "", "dim")
    hint = "  /resume goes on with it" + (", and may well work" if event.is_transient else "")
    return turn, [line(f"✗ {event.error}", "bold red"), line(hint, "dim"), *shown]


def _over(turn: Turn, now: float, head: str, style: str) -> Step:
    turn, shown = _whole(turn)
    took = "" if turn.began_at is None else f", {now - turn.began_at:.1f} s"
    spent = line(f"{head}{spent_words(turn.usage, turn.cost)}{took}", style)
    return Turn(hides_thoughts=turn.hides_thoughts), [*shown, spent]


# --- in words ---------------------------------------------------------------------------------


_QUEUED = {
    "steer": "  queued: said at the next step",
    "follow_up": "  queued: said when it would be done",
}


def _input(event: a.InputAdded) -> Sequence[Shown]:
    waits = _QUEUED.get(event.source, "")
    return [*said_line(event.text), *([line(waits, "dim")] if waits else [])]


def _decided(event: a.PermissionResolved) -> Sequence[Shown]:
    by = f" by {event.resolved_by}" if event.resolved_by else ""
    if event.allow:
        return [line(f"  allowed{by}", "dim")]
    why = f": {event.reason}" if event.reason else ""
    return [line(f"  refused{by}{why}", "yellow")]


def _compacted(event: a.ContextCompacted) -> Sequence[Shown]:
    be = "is" if event.replaced == 1 else "are"
    entries = counted(event.replaced, "older entry")
    words = f"◇ {entries} {be} now told as a summary ({event.trigger})"
    return [line(words, "cyan")]


def _not_compacted(event: a.CompactionSkipped) -> Sequence[Shown]:
    if event.is_cancelled:
        return [line("◇ the summary was stopped; the conversation is as it was", "dim")]
    if event.is_error:  # a warning, which is a line of the chat, says why
        return [line("◇ nothing was summarised; the conversation is as it was", "yellow")]
    return [line("◇ nothing was summarised: all of it is new", "dim")]


def _notice(event: a.Notice) -> Sequence[Shown]:
    return [line(f"◇ {event.message}", "yellow" if event.severity == "warning" else "dim")]


_STEPS: Mapping[type[object], Callable[[Turn, Any, float], Step]] = {
    a.TextDelta: _text_came,
    a.ReasoningDelta: _thought_came,
    a.AssistantMessageCommitted: _answered,
    a.ToolUseReady: _call_wanted,
    a.ToolExecutionStarted: _call_began,
    a.ToolExecutionProgress: _call_told,
    a.ToolExecutionFinished: _call_ended,
    a.RunStarted: _began,
    a.UsageReport: _used,
    a.RetryAttempt: _retried,
    a.RunFinished: _finished,
    a.RunFailed: _broken_off,
}

_WORDS: ByEvent[Sequence[Shown]] = {
    a.InputAdded: _input,
    a.PermissionResolved: _decided,
    a.FallbackUsed: lambda event: [line(f"⇄ goes on with {event.model}", "yellow")],
    a.SubagentSpawned: lambda event: [
        line(f"◇ {event.name} begins ({event.model})", "dim", is_cut=True)
    ],
    a.SubagentFinished: lambda event: [line(f"◇ a subagent has ended: {event.how}", "dim")],
    a.ContextCompacted: _compacted,
    a.CompactionSkipped: _not_compacted,
    a.Notice: _notice,
}
