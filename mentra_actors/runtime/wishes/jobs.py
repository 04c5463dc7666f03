"""Wishes about commands in the background."""

import msgspec

from mentra_actors.domain.background.jobs import RequestJobStop
from mentra_actors.domain.inbox import HOST
from mentra_actors.ids import AgentId, StreamId, background_stream

__all__ = ["CancelJobWish", "job_order", "reason_told"]


class CancelJobWish(msgspec.Struct, frozen=True, kw_only=True, tag="cancel_job.v1"):
    """End a job of an agent; one that has ended stays as it is."""

    agent_id: AgentId
    job_id: str
    reason: str = ""


def job_order(wish: CancelJobWish, *, by: str, now: float) -> tuple[StreamId, RequestJobStop]:
    """The stream that a wish is for, and the command that it stands for.

    The host stops the job, so that its agent is told; the reason says for whom.
    """
    reason = reason_told(by, wish.reason)
    stop = RequestJobStop(job_id=wish.job_id, cause="cancel", by=HOST, reason=reason, now=now)
    return background_stream(wish.agent_id), stop


def reason_told(by: str, reason: str) -> str:
    """The host acts for a person; the reason says for whom."""
    return f"{by}: {reason}" if reason else f"by {by}"
