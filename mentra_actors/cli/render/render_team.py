"""Agents, as rows for people and as JSON for programs."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from projections.views.roster import MemberView

__all__ = [
    "AGENT_COLUMNS",
    "agent_document",
    "agent_row",
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
)

_STATUS_STYLES = {
    "working": "bold yellow",
    "waiting": "bold magenta",
    "failed": "bold red",
    "stopped": "dim",
    "person": "cyan",
}


def agent_row(member: MemberView) -> Sequence[Text]:
    """One agent."""
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
    ]


def agent_document(member: MemberView) -> dict[str, Any]:
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
