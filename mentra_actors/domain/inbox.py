"""The inbox of one agent: a stream that anybody may append to and only its agent takes from.

All that comes to an agent by itself is a letter: what others write, what they ask and answer, the
end of a job, a task that was claimed for it, a timer. So each wakes its agent, and is taken once,
in the same way.

There is no acknowledgement. The agent records in its own stream up to which inbox version it
has taken mail, together with the mail itself: lost or doubled mail would need a torn append.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.decider import Decider
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, MailId

__all__ = [
    "HOST",
    "INBOX",
    "DeliverMail",
    "InboxEvent",
    "InboxState",
    "Mail",
    "MailDelivered",
    "MailKind",
    "Order",
    "RenameOrdered",
    "RunEndOrdered",
    "StopOrdered",
    "has_stopped_words",
    "letter_fields",
]

HOST = "host"
"""The name of the program around the team, where an agent would have one of its own."""

REMEMBERED_MAIL = 1024
MAX_BODY_CHARS = 256_000


MailKind: TypeAlias = Literal[
    "message", "broadcast", "request", "response", "background", "task", "timer"
]
"""`request` and `response` belong to a protocol; `background` tells of the end of a job, `task` of
one that was claimed for the agent, `timer` of a moment that has come."""


class Mail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A letter, at `sent_at` (Unix seconds).

    `sender` is the name of an agent at that time, or `host` for the program around the team, and
    `sender_id` the agent, if it is one. A letter of a protocol has its `request_id` and
    `protocol`, a response also what was decided (`approve`).
    """

    mail_id: MailId
    sender: str
    to: AgentId
    body: str
    sent_at: float
    kind: MailKind = "message"
    sender_id: AgentId = AgentId("")
    request_id: str = ""
    protocol: str = ""
    approve: bool | None = None


def letter_fields(mail: Mail) -> dict[str, str | bool]:
    """A letter as models see it."""
    fields: dict[str, str | bool] = {
        "type": mail.kind,
        "from": mail.sender,
        "content": mail.body,
    }
    if mail.request_id:
        fields |= {"request_id": mail.request_id, "protocol": mail.protocol}
    return fields if mail.approve is None else {**fields, "approve": mail.approve}


def has_stopped_words(name: str) -> str:
    """Why nobody can write to an agent of this name, and what to do."""
    return (
        f"{name!r} has stopped and reads nothing any more: write to another member, or spawn "
        f"{name!r} again and write to the new one"
    )


class MailDelivered(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="inbox.mail_delivered.v1"
):
    """Mail lies in the inbox."""

    mail: Mail


class RunEndOrdered(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="inbox.run_end_ordered.v1"
):
    """Whoever made this agent wants it to end: its run in order, or all of it at once."""

    how: Literal["stop", "cancel"]
    reason: str


class StopOrdered(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="inbox.stop_ordered.v1"
):
    """The team wants this member to stop: when nothing waits for it any more, or at once."""

    how: Literal["when_done", "now"]
    reason: str
    ordered_by: str = ""


class RenameOrdered(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="inbox.rename_ordered.v1"
):
    """The team knows this member by another name."""

    name: str


Order: TypeAlias = RunEndOrdered | StopOrdered | RenameOrdered
InboxEvent: TypeAlias = MailDelivered | Order


class DeliverMail(msgspec.Struct, frozen=True, kw_only=True):
    """Put a letter into the inbox; the same `mail_id` again changes nothing."""

    mail: Mail


class InboxState(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of the last mail delivered, oldest first."""

    delivered: tuple[MailId, ...] = ()


def decide(command: DeliverMail, state: InboxState) -> Sequence[MailDelivered]:
    """Events that `command` causes.

    Raises:
        CommandRejected: the body is empty or longer than 256,000 characters.
    """
    mail = command.mail
    if not mail.body.strip():
        raise CommandRejected("mail must not be empty")
    if len(mail.body) > MAX_BODY_CHARS:
        raise CommandRejected(
            f"mail of {len(mail.body):,} characters is over the limit of {MAX_BODY_CHARS:,}; "
            "write the text to a file and mail its path"
        )
    return [] if mail.mail_id in state.delivered else [MailDelivered(mail=mail)]


def evolve(state: InboxState, event: MailDelivered) -> InboxState:
    """State after one event."""
    delivered = (*state.delivered, event.mail.mail_id)[-REMEMBERED_MAIL:]
    return InboxState(delivered=delivered)


INBOX: Decider[DeliverMail, MailDelivered, InboxState, None] = Decider(
    category="inbox",
    initial=InboxState(),
    event_types=frozenset({MailDelivered}),
    decide=decide,
    evolve=evolve,
)
