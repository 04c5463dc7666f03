"""News of teammates, letters and background jobs, as lines of a chat. Pure."""

from collections.abc import Sequence

from mentra_actors.cli.chat.shown import Line, line
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.background import events as b
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.team import MemberJoined, MemberRemoved
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, agent_stream, inbox_stream, name_of
from projections.views.sentence_words import clipped

__all__ = ["changes_approvals", "news_of"]

_MOST_CHARS = 160
_APPROVAL_EVENTS = (
    e.PermissionRequested,
    e.PermissionResolved,
    e.PermissionExpired,
    e.RunFinished,
    e.RunFailed,
    e.RunCancelled,
    e.AgentStopped,
    e.ToolCallFinished,
)


def changes_approvals(recorded: RecordedEvent[object]) -> bool:
    """True if a call may wait for a person now, or wait no more."""
    return isinstance(recorded.event, _APPROVAL_EVENTS)


def news_of(recorded: RecordedEvent[object], me: AgentId) -> Sequence[Line]:
    """What an event of anybody else says to whoever talks with the agent `me`."""
    if recorded.stream_id == agent_stream(me):
        return ()
    match recorded.event:
        case MailDelivered(mail=mail) if recorded.stream_id == inbox_stream(me):
            return [_letter(mail)]
        case MemberJoined(profile=profile) if profile.agent_id != me:
            words = f"◇ {profile.name} has joined as {profile.role} ({profile.model})"
            return [line(words, "cyan", is_cut=True)]
        case MemberRemoved(name=name):
            return [line(f"◇ {name} has left", "cyan")]
        case e.RunFailed(message=message):
            return [line(f"✗ {name_of(recorded.stream_id)}: {message}", "red")]
        case b.JobStarted(job_id=job_id):
            return [line(f"◇ {job_id} runs in the background", "dim")]
        case _:
            return ()


def _letter(mail: Mail) -> Line:
    words = clipped(mail.body, _MOST_CHARS)
    kind = "" if mail.kind == "message" else f" ({mail.kind})"
    return line(f"✉ {mail.sender}{kind}: {words}", "cyan", is_cut=True)
