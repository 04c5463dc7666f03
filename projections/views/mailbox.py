"""Every letter to every member: who wrote it, and whether it has been read."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, MailId, name_of
from projections.contract import MAX_KEY_BYTES
from projections.keyed import KeyedProjection

__all__ = ["MAILBOX", "LetterView", "MailboxProjection", "unread_letters"]

_READ = (e.InputPlaced, e.MailHandedOver)


class LetterView(msgspec.Struct, frozen=True, kw_only=True):
    """One letter.

    `position` is its place in the log, `read_position` that of the event since which the model
    knows it, or the person; 0 for not yet. `mail` is None where the log does not hold it.
    """

    mail: Mail | None = None
    position: int = 0
    read_position: int = 0

    @property
    def is_unread(self) -> bool:
        """True for a letter that its member has still to read."""
        return self.mail is not None and not self.read_position


class MailboxProjection(
    KeyedProjection[LetterView],
    name="mailbox",
    handles=[MailDelivered, *_READ, e.InputReturned],
):
    """Every letter to every member, and whether it has been read.

    View: one part per letter, under the id of its agent and its own: `lead/mail-7`.
    """

    def keys(self, recorded: RecordedEvent[Any]) -> Sequence[str]:
        """See `Projection.keys`."""
        event, agent_id = recorded.event, AgentId(name_of(recorded.stream_id))
        if isinstance(event, MailDelivered):
            return (_key(agent_id, event.mail.mail_id),)
        return [_key(agent_id, mail_id) for mail_id in event.mail_ids]

    def apply(self, view: LetterView, key: str, recorded: RecordedEvent[object]) -> LetterView:  # noqa: ARG002 - one key per letter
        """See `Projection.apply`."""
        event, position = recorded.event, recorded.global_position
        if isinstance(event, MailDelivered):
            return msgspec.structs.replace(view, mail=event.mail, position=position)
        read = position if isinstance(event, _READ) else 0
        return msgspec.structs.replace(view, read_position=read)


MAILBOX = MailboxProjection()


def unread_letters(parts: Mapping[str, LetterView], agent_id: AgentId) -> Sequence[Mail]:
    """What an agent or a person has still to read, the oldest first."""
    own: Iterable[LetterView] = (
        part for key, part in parts.items() if key.startswith(f"{agent_id}/")
    )
    unread = [one for one in own if one.is_unread]
    ordered = sorted(unread, key=lambda one: one.position)
    return [one.mail for one in ordered if one.mail is not None]


def _key(agent_id: AgentId, mail_id: MailId) -> str:
    """The ids, or a digest of one that no key can hold."""
    key = f"{agent_id}/{mail_id}"
    if len(key.encode()) <= MAX_KEY_BYTES:
        return key
    return f"{agent_id}/{hashlib.blake2b(mail_id.encode(), digest_size=16).hexdigest()}"
