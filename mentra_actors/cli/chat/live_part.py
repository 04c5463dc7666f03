"""The part of a chat that still changes: what comes, what runs, for how long. Pure."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from rich.cells import chop_cells

from mentra_actors.cli.chat.turn_fold import Call, Turn
from mentra_actors.cli.output import harmless
from mentra_actors.runtime.views.snapshots import AgentSnapshot

__all__ = ["Styled", "live_lines", "status_line", "wrapped"]

Styled: TypeAlias = tuple[str, str]
"""A style of the prompt's own, and a line."""

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FRAMES_PER_S = 8
_DOING = {
    "awaiting_model": "waiting for the model",
    "retrying": "waiting to ask again",
    "streaming": "answering",
    "executing_tool": "working",
    "reviewing": "working",
    "waiting_for_permission": "waiting for you",
    "deciding": "working",
    "undoing": "undoing",
    "compacting": "summarising the older part",
}


def live_lines(turn: Turn, now: float, *, width: int, most: int) -> Sequence[Styled]:
    """The end of what the model says or thinks, and its calls; of at most so many lines."""
    lines: list[Styled] = []
    said = turn.said[turn.said_shown :]
    thought = "" if turn.hides_thoughts else turn.thought[turn.thought_shown :]
    for style, text in (("class:thought", thought), ("class:said", said)):
        if text.strip():
            lines += [(style, one) for one in wrapped(text, width)]
    lines = lines[-most:]
    calls = [_call(call, now) for call in turn.calls.values() if call.began_at is not None]
    shown = [("class:call", one[:1][0]) for one in (list(wrapped(call, width)) for call in calls)]
    return [*lines, *shown[:most]]


def status_line(snapshot: AgentSnapshot, turn: Turn, now: float) -> str:
    """What the agent does and for how long; empty while it rests."""
    if not snapshot.run_id and snapshot.status != "compacting":
        return ""
    frame = _FRAMES[int(now * _FRAMES_PER_S) % len(_FRAMES)]
    began_at = turn.began_at if snapshot.run_id else None
    took = "" if began_at is None else f" {now - began_at:.0f} s"
    queued = snapshot.queued_steers + snapshot.queued_follow_ups + snapshot.waiting_prompts
    waits = f" · {queued} queued" if queued else ""
    tried = f" · {turn.retry}" if turn.retry else ""
    doing = _DOING.get(snapshot.status, snapshot.status)
    return f"{frame} {doing}{took}{tried} · Esc stops{waits}"


def _call(call: Call, now: float) -> str:
    took = 0.0 if call.began_at is None else now - call.began_at
    progress = f" · {call.progress}" if call.progress else ""
    return f"→ {call.summary}  {took:.0f} s{progress}"


def wrapped(text: str, width: int) -> Iterator[str]:
    """Lines that fit, with tabs as spaces and nothing that a terminal obeys."""
    for one in harmless(text.expandtabs(4)).strip("\n").split("\n"):
        yield from chop_cells(one, max(width, 2)) or [""]
