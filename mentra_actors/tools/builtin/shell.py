"""The builtin tool `shell`: runs a command under the policy of the runtime."""

import importlib.util
import time
from collections.abc import Collection
from functools import partial

from mentra_actors.errors import ConfigurationError
from mentra_actors.json_types import Json, JsonObject
from mentra_actors.tools.builtin.command_calls import (
    CommandArguments,
    ProgressLines,
    command_arguments,
    command_preview,
    command_schema,
    require_same_directory,
    review_note,
)
from mentra_actors.tools.contract import Tool, ToolContext, ToolOutput
from mentra_actors.tools.executors.port import CommandOutput
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.traits import ToolTraits
from mentra_actors.tools.workplace import PermittedCommand, Workplace

__all__ = ["require_shell_grammar", "shell_tool"]

_TRAITS = ToolTraits(
    capabilities=("process_exec", "filesystem_write"), side_effects="process", approval="process"
)
_DESCRIPTION = (
    "Run a command with /bin/sh and get what it prints. It has no input and no terminal. "
    "Everything that it starts ends with it, also what runs in the background."
)
_GRAMMAR = ("tree_sitter", "tree_sitter_bash")


def shell_tool(*, targets: Collection[str] = ()) -> Tool:
    """The tool `shell`; with names of other machines models may choose one."""
    return Tool(
        name="shell",
        description=_DESCRIPTION,
        input_schema=command_schema(has_timeout=True, targets=tuple(targets)),
        run=_run,
        retry="never",
        traits=_TRAITS,
        preview=partial(command_preview, "shell"),
    )


def require_shell_grammar(policy: RuntimePolicy) -> None:
    """Nothing, if the commands that this policy wants reviewed can be.

    Raises:
        ConfigurationError: a library is missing; the message says which extra has it.
    """
    if policy.shell_validation == "off":
        return
    if not all(_is_there(name) for name in _GRAMMAR):
        raise ConfigurationError(
            f"shell_validation={policy.shell_validation!r} needs a grammar of the shell: "
            "pip install 'mentra-actors[shell]'"
        )


def _is_there(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except (ImportError, ValueError):  # somebody keeps it from being imported
        return False


async def _run(arguments: Json, context: ToolContext) -> ToolOutput:
    call, place = command_arguments(arguments), context.workplace
    permitted = await place.permitted(
        call.command,
        working_directory=call.working_directory,
        timeout_s=call.timeout_s,
        target=call.target,
    )
    require_same_directory(place, permitted.request.cwd)
    lines, begun = ProgressLines(context.progress), time.monotonic()
    output = await place.executor(call.target).run(permitted.request, lines.add)
    lines.end()
    duration_s = time.monotonic() - begun
    return ToolOutput(
        content=_told(output, permitted.request.timeout_s),
        is_error=not output.is_success,
        details=_details(call, place, permitted, output, duration_s),
    )


def _details(
    call: CommandArguments,
    place: Workplace,
    permitted: PermittedCommand,
    output: CommandOutput,
    duration_s: float,
) -> JsonObject:
    details: JsonObject = {
        "exit_code": output.exit_code,
        "timed_out": output.timed_out,
        "truncated": output.stdout.is_truncated or output.stderr.is_truncated,
        "duration_s": round(duration_s, 3),
        "cwd": permitted.request.cwd,
    }
    if call.target:
        details["target"] = call.target
    if permitted.review is not None and permitted.review.verdict != "allow":
        details["validation"] = review_note(permitted.review, place.policy.shell_validation)
    return details


def _told(output: CommandOutput, limit_s: float | None) -> str:
    """For the model. How a failure ended comes last, where a long result is not cut."""
    out, err = output.stdout.text, output.stderr.text
    if output.is_success:
        return out if out.strip() else err if err.strip() else "(no output)"
    if output.timed_out:
        ending = f"Command timed out after the configured limit ({limit_s:g} s)"
    else:
        ending = f"Command exited with status {output.exit_code}"
    if out.strip() and err.strip():
        return f"stdout:\n{out.rstrip()}\n\nstderr:\n{err.rstrip()}\n\n{ending}"
    text = (err if err.strip() else out).strip()
    return f"{text}\n\n{ending}" if text else ending
