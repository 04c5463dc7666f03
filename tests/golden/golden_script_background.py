"""Jobs in the background: each of the ways in which one ends, and one that is refused."""

from golden_team import profile

from mentra_actors.domain.background.events import JobOutput
from mentra_actors.domain.background.jobs import (
    RecordJobEnd,
    RecordJobFailure,
    RecordJobStart,
    RequestJob,
    RequestJobStop,
    StopAllJobs,
)
from mentra_actors.domain.blob import BlobRef
from mentra_actors.ids import background_stream

__all__ = ["BACKGROUND_STORIES"]

STREAM = background_stream("miller")
HEAD = BlobRef(digest="00112233445566778899aabbccddeeff", size_bytes=1_048_576)
TAIL = BlobRef(digest="ffeeddccbbaa99887766554433221100", size_bytes=1_024)


def wish(team, name, *, limit=8, **fields):
    team.send(
        STREAM,
        RequestJob(
            command_id=team.new_id(),
            job_id=f"bg-{name}",
            command=f"grind {name}",
            cwd="/mill",
            digest=f"digest of {name}",
            limit=limit,
            now=team.now,
            **fields,
        ),
    )


def start(team, name, **fields):
    team.send(
        STREAM,
        RecordJobStart(
            job_id=f"bg-{name}", directory=f"/mill.jobs/bg-{name}", now=team.now, **fields
        ),
    )


def end(team, name, exit_code, *, output=None, problem=""):
    team.send(
        STREAM,
        RecordJobEnd(
            job_id=f"bg-{name}",
            exit_code=exit_code,
            output=output or JobOutput(),
            problem=problem,
            now=team.now,
        ),
    )


def stop(team, name, cause, **fields):
    team.send(STREAM, RequestJobStop(job_id=f"bg-{name}", cause=cause, now=team.now, **fields))


def grinding(team):
    """One job ends well, one badly, one cannot begin, one is refused, one is left to itself."""
    team.add(profile("miller"))
    wish(team, "wheat", timeout_s=60.0, base_dir="/mill", justification="bread")
    wish(team, "rye", limit=1)
    start(team, "wheat", pid=4711, process_started="boot-1/99")
    flour = JobOutput(
        preview="flour ... more flour",
        total_bytes=9_000_000,
        left_out_bytes=7_950_400,
        head=(HEAD,),
        tail=(TAIL,),
    )
    end(team, "wheat", 0, output=flour)
    wish(team, "stones", target="quarry")
    start(team, "stones")
    end(team, "stones", 2, output=JobOutput(preview="no flour", total_bytes=8))
    wish(team, "gold")
    team.send(STREAM, RecordJobFailure(job_id="bg-gold", error="no gold", now=team.now))
    wish(team, "lost")
    start(team, "lost", pid=12, process_started="boot-1/7")
    end(team, "lost", None, problem="its process is gone")


def stopping(team):
    """By the miller, by the clock, and by the end of the day."""
    said = JobOutput(preview="grr", total_bytes=3)
    for name, cause in (("oats", "cancel"), ("corn", "time_limit")):
        wish(team, name, timeout_s=5.0)
        start(team, name, pid=13, process_started="boot-1/8")
        stop(team, name, cause, by="miller", reason="enough")
        end(team, name, 143, output=said)
    wish(team, "night")
    start(team, "night", pid=14, process_started="boot-1/9")
    team.send(STREAM, StopAllJobs(now=team.now, reason="the runtime was closed"))
    end(team, "night", 137, output=said)
    wish(team, "dawn")


BACKGROUND_STORIES = (grinding, stopping)
