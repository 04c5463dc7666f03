"""Questions and wishes of people about background jobs."""

from concurrent.futures import Future

from mentra_actors.domain.background.job import Job
from mentra_actors.domain.background.jobs import RequestJobStop
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, background_stream
from mentra_actors.runtime.agents.run_operations import HOST
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import mapped
from projections.views.background_jobs import JobView, stored_jobs

__all__ = ["JobOperations"]


class JobOperations:
    """The jobs of one runtime. Safe from any thread."""

    def __init__(self, core: RuntimeCore) -> None:
        self._core = core

    def jobs(self, agent_id: AgentId | None = None) -> tuple[JobView, ...]:
        """The jobs of an agent or of all, the oldest first. Reads the store.

        Raises:
            StoreError: the store cannot be read.
        """
        core = self._core
        return stored_jobs(core.store, core.journal, agent_id)

    def cancel(self, job_id: str, reason: str) -> "Future[Job]":
        """Ask a job to end; done when that is on the log. Reads the store.

        Raises:
            CommandRejected: there is no such job.
        """
        core = self._core
        owners = [one.agent_id for one in self.jobs() if one.job and one.job.job_id == job_id]
        if not owners:
            raise CommandRejected(f"Unknown background task {job_id}")
        stop = RequestJobStop(
            job_id=job_id, cause="cancel", by=HOST, reason=reason, now=core.clock.now()
        )
        asked = core.ask(background_stream(owners[0]), stop)
        return mapped(asked, lambda accepted: accepted.state.jobs[job_id])
