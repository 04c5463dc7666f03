"""The background jobs of all agents as people see them: the domain's own state of each job."""

from collections.abc import Iterable, Sequence
from typing import Any, get_args

import msgspec

from mentra_actors.domain.background.events import BackgroundEvent, JobEnd, JobRejected, JobsClosed
from mentra_actors.domain.background.job import Job, job_after
from mentra_actors.domain.background.jobs import BACKGROUND
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, StreamId, background_stream, name_of
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from projections.contract import fold_view

__all__ = ["BACKGROUND_JOBS", "BackgroundJobsProjection", "JobView", "stored_jobs"]

_EVENTS: frozenset[type[object]] = frozenset(get_args(BackgroundEvent)) - {JobRejected, JobsClosed}


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """One job. `agent_id` is whose it is.

    `position` and `ended_position` are the places in the log of the wish and of the end; 0 for
    not yet. `job` is None where the log does not hold the wish.
    """

    agent_id: AgentId = AgentId("")
    job: Job | None = None
    position: int = 0
    ended_position: int = 0


class BackgroundJobsProjection:
    """The commands in the background of every agent.

    View: one part per job, under the id of its stream and its own.
    """

    name = "background_jobs"
    version = 2
    handles: frozenset[type[object]] | None = _EVENTS
    view_type = JobView

    def keys(self, recorded: RecordedEvent[Any]) -> Sequence[str]:
        """See `Projection.keys`."""
        if type(recorded.event) not in _EVENTS:
            return ()
        return (f"{recorded.stream_id}/{recorded.event.job_id}",)

    def initial(self, key: str) -> JobView:
        """See `Projection.initial`."""
        return JobView(agent_id=AgentId(name_of(StreamId(key.rpartition("/")[0]))))

    def apply(self, view: JobView, key: str, recorded: RecordedEvent[Any]) -> JobView:  # noqa: ARG002 - one key per job
        """See `Projection.apply`."""
        if type(recorded.event) not in _EVENTS:
            return view
        job = job_after(view.job, recorded.event)
        is_new, position = view.job is None, recorded.global_position
        has_ended = isinstance(recorded.event, get_args(JobEnd)) and not view.ended_position
        return msgspec.structs.replace(
            view,
            job=job,
            position=position if is_new and job is not None else view.position,
            ended_position=position if has_ended and not is_new else view.ended_position,
        )


BACKGROUND_JOBS = BackgroundJobsProjection()


def stored_jobs(
    reader: JournalReader, journal: Journal, agent_id: AgentId | None = None
) -> tuple[JobView, ...]:
    """The jobs of an agent or of all, the oldest first. Reads the store.

    Raises:
        StoreError: the store cannot be read.
    """
    streams: Iterable[StreamId] = reader.stream_ids(BACKGROUND.category)
    if agent_id is not None:
        streams = [background_stream(agent_id)]
    events = (one for stream in streams for one in journal.read_stream(stream))
    found = fold_view(BACKGROUND_JOBS, events).values()
    return tuple(sorted(found, key=lambda view: view.position))
