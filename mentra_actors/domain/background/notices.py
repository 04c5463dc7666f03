"""The letter that tells an agent that one of its jobs has ended."""

from collections.abc import Sequence

import msgspec

from mentra_actors.decider import Companion, Delivery
from mentra_actors.domain.background.events import BackgroundEvent, JobCancelled, JobEnd
from mentra_actors.domain.background.job import Job, job_after
from mentra_actors.domain.background.preview import MOST_CHARS
from mentra_actors.domain.inbox import HOST, Mail, MailDelivered
from mentra_actors.ids import MailId, inbox_stream

__all__ = ["companions", "with_notice"]

_SENDER = "background"
_LONGEST_PREVIEW = MOST_CHARS + 5
"""A preview says by up to so many more characters that something is left out."""


def with_notice(end: JobEnd, job: Job) -> JobEnd:
    """The end of a job, with the letter to its agent.

    There is none if the agent is not known, or has stopped the job itself: it knows.
    """
    if not job.agent_id or (isinstance(end, JobCancelled) and _is_stopped_by_agent(job)):
        return end
    ended = job_after(job, end) or job
    notice = Mail(
        mail_id=MailId(f"job-{job.job_id}"),
        sender=_SENDER,
        to=job.agent_id,
        body=_line(ended),
        sent_at=end.ended_at,
        kind="background",
    )
    return msgspec.structs.replace(end, notice=notice)


def _is_stopped_by_agent(job: Job) -> bool:
    """People stop jobs as the host; each other name is that of the agent."""
    return job.stopped_by not in ("", HOST)


def _line(job: Job) -> str:
    command = _quoted(" ".join(job.command.split()))
    output = _quoted(job.shown_output)
    return f"[bg:{job.job_id}] status={job.status} command={command} output={output}"


def _quoted(text: str) -> str:
    """As JSON, so that what a program prints cannot pass for more than its output."""
    shown = text if len(text) <= _LONGEST_PREVIEW else f"{text[:MOST_CHARS]}..."
    return msgspec.json.encode(shown).decode()


def companions(event: BackgroundEvent) -> Sequence[Companion]:
    """The letter goes to the inbox of its agent."""
    notice = event.notice if isinstance(event, JobEnd) else None
    if notice is None:
        return ()
    return [Delivery(inbox_stream(notice.to), (MailDelivered(mail=notice),))]
