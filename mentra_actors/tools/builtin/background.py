"""Tools with which an agent runs commands in the background, and sees what becomes of them."""

import base64
import hashlib
from collections.abc import Collection
from functools import partial

import msgspec

from mentra_actors.domain.background.job import Job
from mentra_actors.domain.background.jobs import (
    BackgroundState,
    RequestJob,
    RequestJobStop,
    is_rejected,
    job_of,
)
from mentra_actors.ids import CommandId, background_stream
from mentra_actors.json_types import Json, JsonObject
from mentra_actors.tools.builtin.command_calls import (
    command_arguments,
    command_preview,
    command_schema,
    require_same_directory,
    review_note,
)
from mentra_actors.tools.contract import PolicyDenied, Tool, ToolContext, ToolError, ToolOutput
from mentra_actors.tools.executors.port import CommandRequest
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.tool_errors import refusals_told
from mentra_actors.tools.traits import ToolTraits

__all__ = ["background_tools", "job_id_of"]

_MOST_LINES = 1_000
_BYTES_PER_LINE = 1_000
_TRAITS = ToolTraits(
    capabilities=("background_exec", "filesystem_write"),
    side_effects="process",
    durability="persistent",
    approval="background",
)
_DESCRIPTION = (
    "Start a command with /bin/sh in the background and go on at once; for servers, watchers and "
    "long builds. It has no input and no terminal. See check_background, tail_background and "
    "cancel_background."
)


def background_tools(*, targets: Collection[str] = ()) -> list[Tool]:
    """The tools `background_run`, `check_background`, `tail_background`, `cancel_background`.

    With names of other machines models may choose one.
    """
    run = Tool(
        name="background_run",
        description=_DESCRIPTION,
        input_schema=command_schema(has_timeout=False, targets=tuple(targets)),
        run=_run,
        retry="idempotent",
        traits=_TRAITS,
        preview=partial(command_preview, "background_run"),
    )
    return [run, check_background, tail_background, cancel_background]


def job_id_of(idempotency_key: str) -> str:
    """A short id for the job of a call; no other call has it, as far as 50 bits can say."""
    digest = hashlib.blake2b(idempotency_key.encode(), digest_size=10).digest()
    return f"bg-{base64.b32encode(digest).decode().lower()[:10]}"


async def _run(arguments: Json, context: ToolContext) -> ToolOutput:
    call, place = command_arguments(arguments), context.workplace
    place.executor(call.target)
    request, review = await place.permitted(
        call.command,
        working_directory=call.working_directory,
        target=call.target,
        background=True,
    )
    require_same_directory(place, request.cwd)
    wish = _wish(request, call.justification, context)
    state = await _asked(context, wish)
    if is_rejected(state, wish.command_id):
        told = f"Background task limit of {place.policy.max_background} reached"
        raise PolicyDenied(told, action="background_limit")
    job = job_of(state, wish.command_id)
    if job is None:
        raise ToolError("The background task of this call has ended, and is forgotten")
    details: JsonObject = {"task_id": job.job_id, "cwd": job.cwd}
    if review is not None and review.verdict != "allow":
        details["validation"] = review_note(review, place.policy.shell_validation)
    told = f"Started background task {job.job_id} in {job.cwd} for `{job.command}`"
    return ToolOutput(content=told, details=details)


def _wish(request: CommandRequest, justification: str, context: ToolContext) -> RequestJob:
    return RequestJob(
        command_id=CommandId(context.idempotency_key),
        job_id=job_id_of(context.idempotency_key),
        command=request.command,
        cwd=request.cwd,
        digest=_digest(request.command, request.cwd, request.target),
        limit=context.workplace.policy.max_background,
        timeout_s=request.timeout_s,
        target=request.target,
        base_dir=str(context.workplace.base_dir),
        justification=justification,
        agent_id=context.agent_id,
        now=context.commands.now(),
    )


@tool(
    retry="safe",
    parallel=True,
    capabilities=("read_only",),
    side_effects="none",
    approval="read_only",
)
async def check_background(context: ToolContext, task_id: str = "") -> str:
    """Say how your background tasks are: all of them, or one with a preview of its output.

    Args:
        task_id: The task; all if left out.
    """
    state = await _state(context)
    if task_id:
        return _detail(_job(state, task_id))
    lines = [
        f"{job.job_id}: {_line(job)} {' '.join(job.command.split())}"
        for job in state.jobs.values()
    ]
    return "\n".join(lines) or "No background tasks."


@tool(
    retry="safe",
    parallel=True,
    capabilities=("read_only",),
    side_effects="none",
    approval="read_only",
)
async def tail_background(context: ToolContext, task_id: str, lines: int = 50) -> str:
    """Show the last lines that one of your background tasks has printed, also while it runs.

    Args:
        task_id: The task.
        lines: How many lines, 1000 at most.
    """
    job = _job(await _state(context), task_id)
    if not 1 <= lines <= _MOST_LINES:
        raise ToolError(f"lines is from 1 to {_MOST_LINES}, not {lines}")
    content = await context.read_job(job, lines * _BYTES_PER_LINE)
    text = content.decode(errors="replace")
    shown = "\n".join(text.splitlines()[-lines:])
    return f"{_line(job)}\n{shown or '(no output)'}"


@tool(
    retry="idempotent",
    capabilities=("background_exec",),
    side_effects="process",
    durability="persistent",
    approval="background",
)
async def cancel_background(context: ToolContext, task_id: str, reason: str = "") -> str:
    """End one of your background tasks, with all that it has started.

    Args:
        task_id: The task.
        reason: Why, for those who read the log.
    """
    job = _job(await _state(context), task_id)
    if not job.is_open:
        return f"Background task {task_id} has ended already: {_line(job)}"
    stop = RequestJobStop(
        job_id=task_id,
        cause="cancel",
        by=context.agent_name,
        reason=reason,
        now=context.commands.now(),
    )
    await _asked(context, stop)
    return f"Background task {task_id} is being stopped"


async def _asked(context: ToolContext, command: RequestJob | RequestJobStop) -> BackgroundState:
    stream_id = background_stream(context.agent_id)
    with refusals_told():
        state: BackgroundState = await context.commands.ask(stream_id, command)
    return state


async def _state(context: ToolContext) -> BackgroundState:
    state: BackgroundState = await context.commands.look(background_stream(context.agent_id))
    return state


def _job(state: BackgroundState, task_id: str) -> Job:
    if task_id not in state.jobs:
        raise ToolError(f"Unknown background task {task_id}")
    return state.jobs[task_id]


def _line(job: Job) -> str:
    return f"[{_status(job)}] cwd={job.cwd}"


def _status(job: Job) -> str:
    """In words; with the exit code where it says more."""
    if job.is_open:
        return "running" if job.stop is None else "stopping"
    word = job.status.replace("_", " ")
    return f"{word}, exit code {job.exit_code}" if job.exit_code else word


def _detail(job: Job) -> str:
    if job.is_open:
        return f"{_line(job)}\n{job.command}\n(running)"
    return f"{_line(job)}\n{job.command}\n{job.shown_output}"


def _digest(*parts: str) -> str:
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()
