"""Members, letters and requests, as text for people and as JSON for programs."""

from collections.abc import Sequence

import msgspec
from rich.text import Text

from mentra_actors.cli.output import local_second
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.team import Request
from projections.views.roster import MemberView

__all__ = [
    "INDENT",
    "MEMBER_COLUMNS",
    "Letter",
    "letter_document",
    "letter_text",
    "member_document",
    "member_row",
    "request_document",
    "request_text",
]

INDENT = 2
"""Where the words of others begin: no line of theirs can pass for one of ours."""
MEMBER_COLUMNS = ("name", "role", "led by", "status", "mail")

_STATUS_STYLES = {
    "working": "bold yellow",
    "waiting": "bold magenta",
    "failed": "bold red",
    "stopped": "dim",
    "person": "cyan",
    "pending": "bold yellow",
    "approved": "green",
    "rejected": "red",
}


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter, and whether it is shown for the first time."""

    mail: Mail
    is_new: bool


def member_row(member: MemberView) -> Sequence[Text]:
    """One member."""
    status = f"{member.status}, is to stop" if member.is_stopping else member.status
    return [
        Text(member.name, style="bold"),
        Text(member.role),
        Text(member.lead),
        Text(status, style=_STATUS_STYLES.get(member.status, "")),
        Text(f"{member.mail_waiting:,}", justify="right"),
    ]


def member_document(member: MemberView) -> dict[str, object]:
    """One member, for programs."""
    return {
        "name": member.name,
        "agent_id": member.agent_id,
        "role": member.role,
        "lead": member.lead,
        "model": member.model,
        "status": member.status,
        "is_person": member.is_person,
        "is_stopping": member.is_stopping,
        "failure": member.failure,
        "mail_waiting": member.mail_waiting,
    }


def letter_text(letter: Letter, request: Request | None = None, answered_as: str = "") -> Text:
    """A letter: from whom, when, its words; how the request in it stands or is answered."""
    mail = letter.mail
    text = Text()
    text.append(mail.sender, style="bold" if letter.is_new else "")
    text.append(f"  {mail.kind}", style="cyan")
    if mail.request_id:
        text.append(f" {mail.request_id} ({mail.protocol})", style="cyan")
    if mail.approve is not None:
        status = "approved" if mail.approve else "rejected"
        text.append(f"  {status}", style=_STATUS_STYLES[status])
    text.append(f"  {local_second(mail.sent_at)}", style="dim")
    if not letter.is_new:
        text.append("  read", style="dim")
    if request is not None and request.status != "pending":
        text.append(f"  {request.status}", style=_STATUS_STYLES.get(request.status, "dim"))
    text.append(f"\n  {_indented(mail.body)}")
    return text if request is None else text.append_text(_what_to_do(request, answered_as))


def letter_document(letter: Letter) -> dict[str, object]:
    """A letter, for programs."""
    mail = letter.mail
    return {
        "mail_id": mail.mail_id,
        "from": mail.sender,
        "kind": mail.kind,
        "body": mail.body,
        "sent_at": mail.sent_at,
        "request_id": mail.request_id,
        "protocol": mail.protocol,
        "approve": mail.approve,
        "is_new": letter.is_new,
    }


def request_text(request: Request, answered_as: str = "") -> Text:
    """A request: who asks whom for what, how it stands, and how a person answers it."""
    text = Text()
    text.append(request.request_id, style="bold")
    text.append(f"  {request.protocol}", style="cyan")
    text.append(f"  {request.sender_name} asks {request.to_name}")
    text.append(f"  {request.status}", style=_STATUS_STYLES.get(request.status, "dim"))
    text.append(f"  {local_second(request.opened_at)}", style="dim")
    text.append(f"\n  {_indented(request.content)}")
    if request.reason:
        text.append(f"\n  because: {_indented(request.reason)}", style="dim")
    return text.append_text(_what_to_do(request, answered_as))


def request_document(request: Request) -> dict[str, object]:
    """A request, for programs."""
    return {
        "request_id": request.request_id,
        "protocol": request.protocol,
        "from": request.sender_name,
        "from_id": request.sender,
        "to": request.to_name,
        "to_id": request.to,
        "content": request.content,
        "status": request.status,
        "opened_at": request.opened_at,
        "expires_at": request.expires_at,
        "ended_at": request.ended_at,
        "reason": request.reason,
    }


def _what_to_do(request: Request, answered_as: str) -> Text:
    """Until when an open request waits, and how a person answers it."""
    text = Text()
    if request.status != "pending":
        return text
    if request.expires_at is not None:
        text.append(f"\n  expires {local_second(request.expires_at)}", style="yellow")
    if answered_as:
        answer = f"mentra respond {request.request_id} --as {answered_as}"
        text.append(f"\n  answer: {answer} [--reject] [--reason …]", style="dim")
    return text


def _indented(words: str) -> str:
    return words.strip().replace("\n", "\n  ")
