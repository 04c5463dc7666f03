"""Agents, as rows for people and as JSON for programs."""

from collections.abc import Sequence

from rich.text import Text

from mentra_actors.cli.render.render_approvals import time_span
from mentra_actors.ids import agent_stream
from projections.views.awaited import AwaitedEffect, open_for_long
from projections.views.roster import MemberView

__all__ = [
    "AGENT_COLUMNS",
    "agent_document",
    "agent_row",
    "awaited_of",
    "open_document",
]

AGENT_COLUMNS = (
    "name",
    "role",
    "model",
    "status",
    "rounds",
    "calls",
    "mail",
    "tokens",
    "open",
)

_SHORT = {"CallModel": "model", "SummarizeConversation": "summary", "WaitUntil": "timer"}
"""Effects that have no tool."""
_STATUS_STYLES = {
    "working": "bold yellow",
    "waiting": "bold magenta",
    "failed": "bold red",
    "stopped": "dim",
    "person": "cyan",
}


def awaited_of(member: MemberView, awaited: Sequence[AwaitedEffect]) -> Sequence[AwaitedEffect]:
    """What of all that is awaited this agent waits for."""
    return [one for one in awaited if one.stream_id == agent_stream(member.agent_id)]


def agent_row(member: MemberView, awaited: Sequence[AwaitedEffect], now: float) -> Sequence[Text]:
    """One agent; last what it waits for, and for how long by now."""
    figures = (
        member.rounds,
        len(member.open_calls),
        member.mail_waiting,
        member.usage.total_tokens,
    )
    return [
        Text(member.name, style="bold"),
        Text(member.role),
        Text(member.model),
        Text(member.status, style=_STATUS_STYLES.get(member.status, "")),
        *(Text(f"{figure:,}", justify="right") for figure in figures),
        _open_cell(awaited, now),
    ]


def _open_cell(awaited: Sequence[AwaitedEffect], now: float) -> Text:
    if not awaited:
        return Text()
    oldest = awaited[0]
    more = f" +{len(awaited) - 1}" if len(awaited) > 1 else ""
    words = f"{oldest.of or _SHORT.get(oldest.kind, oldest.kind)} {time_span(now - oldest.since)}"
    return Text(f"{words}{more}", style="bold red" if open_for_long(awaited, now) else "")


def agent_document(member: MemberView) -> dict[str, object]:
    """One agent, for programs."""
    return {
        "name": member.name,
        "role": member.role,
        "lead": member.lead,
        "model": member.model,
        "status": member.status,
        "failure": member.failure,
        "run_id": member.run_id,
        "rounds": member.rounds,
        "open_calls": list(member.open_calls),
        "mail_waiting": member.mail_waiting,
        "usage": member.usage,
        "last_activity": member.last_activity,
        "stream": f"agent-{member.agent_id}",
    }


def open_document(awaited: Sequence[AwaitedEffect]) -> list[dict[str, object]]:
    """What an agent waits for, since Unix seconds, for programs."""
    return [{"kind": one.kind, "of": one.of, "since": one.since} for one in awaited]
