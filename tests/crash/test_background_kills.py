"""The runtime is killed while a background job runs: the next one knows what became of it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from forked_python import ForkedPython
from other_processes import until

import mentra_actors
from mentra_actors import ScriptedModel, open_runtime
from mentra_actors.domain.background import events as b
from mentra_actors.domain.background.jobs import BACKGROUND
from mentra_actors.ids import CommandId, background_stream
from mentra_actors.runtime.awaiting import thread_safe_call
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_event_store, open_journal_reader
from mentra_actors.store.ports import AppendRequest
from mentra_actors.tools.executors.process_names import ask_to_end, process_name_of
from mentra_actors.tools.executors.recording import CommandRecord
from mentra_actors.tools.policy import RuntimePolicy

pytestmark = [pytest.mark.crash, pytest.mark.anyio, pytest.mark.timeout(180)]

LIFE = Path(__file__).with_name("background_life.py")
STREAM = background_stream("lead")
POLICY = RuntimePolicy(allow_shell=True, allow_background=True)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def crashed(tmp_path):
    """`crashed(command, when)`: the store of a runtime that was killed with a job that runs."""
    store = tmp_path / "store"

    def crash(command, when="started"):
        life = ForkedPython(
            [sys.executable, str(LIFE), str(store), command, when],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path(mentra_actors.__file__).parents[1])},
        )
        with life:
            assert life.stdout.readline() == b"started\n"
            life.kill()
        return store

    yield crash
    for folder in (tmp_path / "store.jobs").glob("*"):
        if (left := CommandRecord(folder).process) is not None:
            ask_to_end(left)


def job_in(store):
    reader = open_journal_reader(store)
    try:
        events = [one.event for one in Journal(reader).read_stream(STREAM)]
    finally:
        reader.close()
    (job,) = BACKGROUND.fold(events).jobs.values()
    return job, [type(event).__name__ for event in events]


async def next_life(store, until=lambda _job: False, policy=POLICY):
    """Open the store, wait for the end of the job or for something else, and close it."""
    async with open_runtime(store, providers=[ScriptedModel([])], policy=policy) as runtime:
        recorded, call = [anyio.Event()], thread_safe_call()
        runtime.on_recorded(lambda _recorded: call(recorded[-1].set))
        with anyio.fail_after(60):
            while True:
                recorded.append(anyio.Event())
                (found,) = await runtime.background_jobs()
                if not found.job.is_open or until(found.job):
                    return found.job
                await recorded[-1].wait()


def folder_of(store):
    (folder,) = Path(f"{store}.jobs").glob("bg-*")
    return folder


async def test_a_job_that_runs_is_adopted(crashed, tmp_path):
    """It goes on without us, is watched by the next process, and its exit and output are told."""
    store = crashed("echo before; while [ ! -e go ]; do sleep 0.05; done; echo after; exit 3")
    before, _ = job_in(store)
    assert process_name_of(before.pid).started == before.process_started

    async with anyio.create_task_group() as group:
        found = []

        async def watch():
            found.append(await next_life(store))

        group.start_soon(watch)
        await anyio.lowlevel.checkpoint()
        (tmp_path / "go").touch()

    job, events = job_in(store)
    assert (job.status, job.exit_code, job.output.preview) == ("failed", 3, "before after")
    assert events == ["JobRequested", "JobStarted", "JobFinished"]
    assert not Path(f"{store}.jobs").exists()  # noqa: ASYNC240


async def test_a_job_that_ended_meanwhile_is_told_as_it_ended(crashed):
    store = crashed("sleep 0.3; echo done")
    recording = CommandRecord(folder_of(store))
    until(lambda: recording.exit_code is not None)

    job = await next_life(store)
    assert (job.status, job.exit_code, job.output.preview) == ("finished", 0, "done")


async def test_a_job_that_ended_meanwhile_cannot_be_cancelled(crashed):
    """Somebody wants it to end before the next process has recorded how it had ended."""
    store = crashed("sleep 0.3; echo done")
    ended = CommandRecord(folder_of(store))
    until(lambda: time.time() - (ended.exited_at or time.time()) > 0.1)
    job, events = job_in(store)
    wish = b.JobStopRequested(job_id=job.job_id, cause="cancel", requested_at=time.time())
    written = open_event_store(store)
    part = Journal(written).stream_append(STREAM, [wish], len(events))
    written.append(AppendRequest(streams=(part,), open_streams=(STREAM,)))
    written.close()

    job = await next_life(store)
    assert (job.status, job.exit_code, job.output.preview) == ("finished", 0, "done")


async def test_a_job_whose_process_is_gone_was_interrupted(crashed):
    """As after a power loss; what it had printed is kept."""
    store = crashed("echo begun; sleep 600")
    recording = CommandRecord(folder_of(store))
    until(lambda: recording.last_bytes(9))
    name = recording.process
    os.kill(name.pid, signal.SIGKILL)
    until(lambda: process_name_of(name.pid) != name)

    job = await next_life(store)
    assert (job.status, job.exit_code, job.output.preview) == ("interrupted", None, "begun")
    assert job.problem == "its process is gone, and nobody knows how it ended"


async def test_a_start_that_is_not_on_the_log_is_not_made_twice(crashed, tmp_path):
    """The process was killed between the start and its record."""
    store = crashed("echo run >> runs; while [ ! -e go ]; do sleep 0.05; done", "unrecorded")
    _, events = job_in(store)
    assert events == ["JobRequested"]
    until((tmp_path / "runs").exists)
    pid = CommandRecord(folder_of(store)).process.pid

    adopted = await next_life(store, until=lambda job: job.status == "running")
    assert adopted.pid == pid
    assert (tmp_path / "runs").read_text() == "run\n"
    job, _ = job_in(store)
    assert (job.status, job.problem) == ("interrupted", "the runtime was closed")


async def test_a_copy_of_a_store_has_no_jobs_that_run(crashed, tmp_path):
    """Who opens a backup to look into it must not stop what the original runs."""
    store = crashed("while [ ! -e go ]; do sleep 0.05; done")
    shutil.copytree(store, tmp_path / "copy")
    process = CommandRecord(folder_of(store)).process

    job = await next_life(tmp_path / "copy")
    assert job.status == "interrupted"
    assert process_name_of(process.pid) == process
    (tmp_path / "go").touch()
    assert (await next_life(store)).status == "finished"


@pytest.mark.parametrize("policy", [POLICY, None], ids=["policy", "no policy"])
async def test_a_job_that_was_asked_for_and_never_started_is_started(tmp_path, policy):
    """If the policy of now allows it."""
    store = open_event_store(tmp_path / "store")
    asked = b.JobRequested(
        job_id="bg-x",
        command_id=CommandId("c"),
        command="pwd",
        cwd=str(tmp_path),
        digest="d",
        base_dir=str(tmp_path),
        requested_at=1.0,
    )
    part = Journal(store).stream_append(STREAM, [asked], 0)
    store.append(AppendRequest(streams=(part,), open_streams=(STREAM,)))
    store.close()

    job = await next_life(tmp_path / "store", policy=policy)
    if policy is None:
        assert job.status == "failed"
        assert job.problem.startswith("Shell command execution is disabled")
    else:
        assert (job.status, job.output.preview) == ("finished", str(tmp_path))
