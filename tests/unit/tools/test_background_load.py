"""Many jobs that print a lot: what they print is bounded on disk, in memory and in the store."""

import asyncio
import resource
import time

import anyio
import pytest

from mentra_actors import ScriptedModel, call, open_runtime
from mentra_actors.tools.executors import recorder
from mentra_actors.tools.policy import RuntimePolicy

pytestmark = [pytest.mark.anyio, pytest.mark.load, pytest.mark.timeout(400)]

JOBS = 8
PRINTED = 100_000_000


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_eight_jobs_that_print_a_lot(tmp_path, record_property):
    """None of it goes through this process before the end, and then one piece after the other."""
    command = f"head -c {PRINTED} /dev/urandom; echo the end"
    model = ScriptedModel([[call("background_run", command=command)] * JOBS, "Started."])
    policy = RuntimePolicy(allow_shell=True, allow_background=True, base_dir=tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    longest = 0.0

    async def watch_the_loop():
        nonlocal longest
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - begun - 0.01)

    async with open_runtime(tmp_path / "store", providers=[model], policy=policy) as runtime:
        agent = await runtime.spawn("lead", model="scripted:x")
        core = runtime._operations.core
        watch = core.perform(watch_the_loop)
        await agent.send("Go")
        with anyio.fail_after(300):
            while any(one.job.is_open for one in await runtime.background_jobs()):  # noqa: ASYNC110
                await anyio.sleep(0.2)
        jobs = [one.job for one in await runtime.background_jobs()]
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        record_property("grown_mib", grown_kib // 1024)
        record_property("longest_block_s", round(longest, 3))
        print(f"memory +{grown_kib // 1024} MiB; the loop was late by {longest * 1000:.0f} ms")
    del watch

    assert [job.status for job in jobs] == ["finished"] * JOBS
    for job in jobs:
        kept = sum(blob.size_bytes for blob in job.output.head + job.output.tail)
        assert job.output.total_bytes == PRINTED + 8
        assert kept + job.output.left_out_bytes == job.output.total_bytes
        assert kept <= recorder.HEAD_BYTES + recorder.TAIL_BYTES
    assert grown_kib < 300 * 1024
