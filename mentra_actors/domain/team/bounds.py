"""How long the texts of a team may be: each is told to a model, or is on the log for ever."""

from mentra_actors.domain.inbox import INBOX, DeliverMail, Mail
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, MailId

__all__ = ["require_letter", "require_protocol", "require_reason", "require_role"]

_MOST_PROTOCOL_CHARS = 100
_MOST_REASON_CHARS = 16_000
_MOST_ROLE_CHARS = 16_000


def require_letter(body: str) -> None:
    """The rules of letters hold for what will be one.

    Raises:
        CommandRejected: it is empty or too long.
    """
    letter = Mail(mail_id=MailId(""), sender="", to=AgentId(""), body=body, sent_at=0.0)
    INBOX.decide(DeliverMail(mail=letter), INBOX.initial)


def require_reason(reason: str) -> None:
    """A reason may be left out.

    Raises:
        CommandRejected: it is too long for the letter that tells it.
    """
    _require_at_most(_MOST_REASON_CHARS, reason, "a reason")


def require_role(name: str, role: str) -> None:
    """Every member has a role.

    Raises:
        CommandRejected: it is empty or too long.
    """
    if not role.strip():
        raise CommandRejected(f"Team member {name!r} needs a role")
    _require_at_most(_MOST_ROLE_CHARS, role, "a role")


def require_protocol(protocol: str) -> None:
    """A protocol stands in one line of a letter.

    Raises:
        CommandRejected: it is empty, too long, or holds characters that nobody sees.
    """
    if not 0 < len(protocol) <= _MOST_PROTOCOL_CHARS or not protocol.isprintable():
        raise CommandRejected(
            "a protocol is a word of 1 to 100 printable characters, such as plan_approval"
        )


def _require_at_most(most: int, text: str, what: str) -> None:
    if len(text) > most:
        raise CommandRejected(
            f"{what} has at most {most:,} characters, found {len(text):,}; "
            "write it to a file and name the file"
        )
