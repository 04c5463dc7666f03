"""`mentra job …`: what one command in the background has printed, and its end."""

from typing import Annotated

import anyio
import typer
from rich.text import Text

from mentra_actors.cli.command_groups import Wrapping, command_group
from mentra_actors.cli.decision_options import By, Wait, person
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.petitioned import have_recorded
from mentra_actors.cli.reading import OpenStore, opened
from mentra_actors.domain.background.job import Job
from mentra_actors.effects.team.background_jobs import last_output
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId
from mentra_actors.runtime.wishes.jobs import CancelJobWish

__all__ = ["job_app"]

_BYTES_PER_LINE = 4096
_Id = Annotated[str, typer.Argument(metavar="JOB", help="Its id in `mentra jobs`.")]


def output(
    job: _Id,
    lines: Annotated[int, typer.Option(min=1, max=10_000, help="The last so many lines.")] = 50,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Show the last lines that a job has printed, also while it runs."""
    shown = Output(as_json=as_json)
    with opened(store) as team:
        _, found = _job(team, job)
        content = anyio.run(last_output, team.reader, found, lines * _BYTES_PER_LINE)
    text = "\n".join(content.decode(errors="replace").splitlines()[-lines:])
    if as_json:
        shown.document({"id": job, "status": found.status, "output": text})
    elif text:
        shown.show(Text(text))
    else:
        shown.remark(f"{job} has printed nothing ({found.status.replace('_', ' ')}).", "dim")


def cancel(
    job: _Id,
    reason: Annotated[str, typer.Option(help="Why; its agent and the log are told.")] = "",
    by: By = None,
    wait: Wait = 10.0,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """End a job, with all that it has started; its agent is told."""
    shown = Output(as_json=as_json)
    with opened(store) as team:
        agent_id, found = _job(team, job)
    if not found.is_open:
        raise CommandRejected(f"{job} has ended already ({found.status.replace('_', ' ')})")
    wish = CancelJobWish(agent_id=agent_id, job_id=job, reason=reason)
    words, document = f"{job} is to end.", {"id": job}
    have_recorded(shown, wish, store, by=person(by), wait_s=wait, words=words, document=document)


def job_app(wrapped: Wrapping) -> typer.Typer:
    """The commands below `mentra job`, each `wrapped` as all commands are."""
    return command_group("What a background job has printed; end one.", (output, cancel), wrapped)


def _job(team: OpenStore, job_id: str) -> tuple[AgentId, Job]:
    for view in team.jobs():
        if view.job is not None and view.job.job_id == job_id:
            return view.agent_id, view.job
    raise CommandRejected(f"no job has the id {job_id!r}; `mentra jobs` lists them")
