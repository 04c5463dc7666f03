"""`mentra jobs`: what runs and ran in the background."""

from rich.text import Text

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output, local_moment
from mentra_actors.cli.reading import opened
from mentra_actors.domain.background.job import Job
from mentra_actors.ids import AgentId
from mentra_actors.json_types import JsonObject
from projections.views.background_jobs import JobView

__all__ = ["jobs"]

_INDENT = 4
_STYLES = {
    "requested": "yellow",
    "running": "bold yellow",
    "finished": "green",
    "failed": "bold red",
    "timed_out": "red",
}


def jobs(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Commands in the background: which run, how others ended."""
    output = Output(as_json=as_json)
    with opened(store) as team, output.spinner("Reading the log"):
        found = [(view, view.job) for view in team.jobs() if view.job is not None]
    if as_json:
        output.document([_document(view, job) for view, job in found])
    elif found:
        for view, job in found:
            output.show_hanging(_lines(view.agent_id, job), _INDENT)
    else:
        output.show("Nothing was run in the background yet.")


def _lines(agent_id: AgentId, job: Job) -> Text:
    """The id first, alone and whole, so that it can be copied; the command below."""
    status = job.status.replace("_", " ")
    facts = [
        f"wanted {local_moment(job.requested_at)}",
        f"{_seconds(job)} s" if _seconds(job) else "",
        "" if job.exit_code is None else f"exit code {job.exit_code}",
        "" if job.is_open else f"{job.output.total_bytes:,} bytes",
    ]
    return Text.assemble(
        (job.job_id, "bold"),
        "\n",
        f"    {agent_id}, ",
        (status, _STYLES.get(job.status, "")),
        f", {', '.join(one for one in facts if one)}\n",
        f"    $ {' '.join(job.command.split())}",
    )


def _seconds(job: Job) -> str:
    if job.started_at is None or job.ended_at is None:
        return ""
    return f"{job.ended_at - job.started_at:.1f}"


def _document(view: JobView, job: Job) -> JsonObject:
    return {
        "id": job.job_id,
        "agent": view.agent_id,
        "status": job.status,
        "command": job.command,
        "cwd": job.cwd,
        "target": job.target,
        "requested_at": job.requested_at,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "timeout_s": job.timeout_s,
        "exit_code": job.exit_code,
        "problem": job.problem,
        "stopped_by": job.stopped_by,
        "stop_reason": job.stop_reason,
        "pid": job.pid,
        "preview": job.output.preview,
        "output_bytes": job.output.total_bytes,
        "left_out_bytes": job.output.left_out_bytes,
        "position": view.position,
        "ended_position": view.ended_position,
    }
