"""Background jobs when a runtime opens and when it closes, and the folders of their output.

The folders are beside the store and no part of it, so that copies of the store, and care of it,
have nothing to do with them. What has ended is in the store, and its folder goes. A close ends
the jobs that run, and the log says so; only a crash leaves them to the next opening.
"""

import contextlib
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from mentra_actors.domain.background.events import JobEnd
from mentra_actors.domain.background.jobs import BACKGROUND, StopAllJobs
from mentra_actors.effects.models.live import LiveFeed
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.team.job_folders import JobFolders
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import MentraError
from mentra_actors.ids import StreamId, category_of
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import MEMORY
from mentra_actors.store.ports import EventStore
from mentra_actors.store.sql.opening import is_sql_url

__all__ = ["JobUpkeep", "jobs_directory"]

_log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 10.0
"""A job has two seconds to end when it is asked, and is killed then; the log takes the rest."""
_LOOK_AGAIN_S = 0.02
_CLOSED = "the runtime was closed"


def jobs_directory(path: str | Path) -> Path:
    """The directory of the jobs of a store; the same for each process that opens it.

    Beside a store that is a directory, else in the one for temporary files.
    """
    if path != MEMORY and not is_sql_url(path):
        place = Path(os.path.realpath(path))
        return place.with_name(f"{place.name}.jobs")
    own = str(path) if path != MEMORY else f"{os.getpid()}/{os.urandom(8).hex()}"
    digest = hashlib.blake2b(own.encode(), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"mentra-jobs-{os.getuid()}-{digest}"


class JobUpkeep:
    """The folders of the jobs of one store, and the end of those that run."""

    def __init__(
        self, path: str | Path, store: EventStore, journal: Journal, workers: Executor
    ) -> None:
        """`workers` remove what is not needed any more."""
        self.directory = jobs_directory(path)
        self._folders = JobFolders(self.directory)
        self._store = store
        self._journal = journal
        self._workers = workers

    def begin(self, recorded: LiveFeed[tuple[RecordedEvent[object], ...]]) -> None:
        """Remove folders of jobs that have ended: what earlier processes have left, and later."""
        self._forget_left()
        recorded.subscribe(self._forget_ended)

    def _forget_left(self) -> None:
        names = self._folders.names()  # first: the log has the job of each folder that is there
        open_ids: set[str] = set()
        for stream_id in self._open_streams():
            state = BACKGROUND.fold(one.event for one in self._journal.read_stream(stream_id))
            open_ids |= {job.job_id for job in state.jobs.values() if job.is_open}
        for job_id in names:
            if job_id not in open_ids:
                self._folders.remove(job_id)

    def _forget_ended(self, recorded: tuple[RecordedEvent[object], ...]) -> None:
        for one in recorded:
            if isinstance(one.event, JobEnd):
                with contextlib.suppress(RuntimeError):  # closing: `close` does it
                    self._workers.submit(self._folders.remove, one.event.job_id)

    def stop_all(self, ask: Callable[[StreamId, object], object], clock: Clock) -> None:
        """End all jobs, and return when that is on the log, or takes too long. Blocks."""
        for stream_id in self._open_streams():
            ask(stream_id, StopAllJobs(now=clock.now(), reason=_CLOSED))
        until = time.monotonic() + CLOSE_TIMEOUT_S
        while self._open_streams() and time.monotonic() < until:
            time.sleep(_LOOK_AGAIN_S)
        if left := self._open_streams():
            _log.error("background jobs did not end: %s; the next opening goes on", left)

    def close(self) -> None:
        """Leave no directory behind, if no job is left: also what no worker has come to remove."""
        try:
            self._forget_left()
        except MentraError as error:
            _log.warning("folders of jobs are left for the next opening: %s", error)
        self._folders.remove_directory()

    def _open_streams(self) -> list[StreamId]:
        return [one for one in self._store.open_streams() if category_of(one) == "background"]
