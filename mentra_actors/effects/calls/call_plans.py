"""How the calls of an answer will be run: found, offered, sound, and in which lane."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from mentra_actors.domain.agent.events import AgentProfile, CallPlan
from mentra_actors.domain.agent.profile import offered_tools
from mentra_actors.domain.agent.run_options import RunOptions, TerminalOutput
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import ToolCallBlock, text_of
from mentra_actors.domain.model_call import ModelReply
from mentra_actors.domain.storable import encodable
from mentra_actors.ids import EffectId
from mentra_actors.json_types import Json
from mentra_actors.tools.contract import PolicyDenied, Tool
from mentra_actors.tools.registry import ToolRegistry, ToolSource
from mentra_actors.tools.results.rendering import error_words
from mentra_actors.tools.schemas.schema_faults import faults_by_schema

__all__ = [
    "CallPlanner",
    "OutputCheck",
    "decoded_arguments",
    "encoded_arguments",
    "faults_of",
    "is_parallel",
]

_log = logging.getLogger(__name__)

SHOWN_ARGUMENTS = 240

OutputCheck: TypeAlias = Callable[[Json], str]
"""What a type says about a value that fits its schema: a text for the model, empty if nothing."""


class CallPlanner:
    """Plans calls. With `reviews` hooks and authorizer look at each call that could run.

    `output_checks` are by the name of the output's tool. A run of an earlier process is checked by
    its schema alone until its type is named again. On the effects loop, or for a large answer on
    a worker thread.
    """

    def __init__(
        self,
        tools: ToolSource,
        *,
        reviews: bool,
        output_checks: Mapping[str, OutputCheck] | None = None,
    ) -> None:
        self._tools = tools
        self._reviews = reviews
        self._output_checks = {} if output_checks is None else output_checks

    def plans(
        self, effect_id: EffectId, reply: ModelReply, profile: AgentProfile, options: RunOptions
    ) -> tuple[CallPlan, ...]:
        """A plan for each call of an answer, in its order."""
        asked = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
        tools = self._tools.of(profile.agent_id)
        return tuple(
            self._plan(call_key(effect_id, index), block, profile, options, tools)
            for index, block in enumerate(asked)
        )

    def _plan(
        self,
        key: EffectId,
        block: ToolCallBlock,
        profile: AgentProfile,
        options: RunOptions,
        tools: ToolRegistry,
    ) -> CallPlan:
        output = options.output
        if output is not None and output.mode == "tool" and block.name == output.tool_name:
            return self._output_plan(key, block, output)
        tool = tools.get(block.name)
        if tool is None:
            return CallPlan(key=key, refusal="Tool not found")
        if not offered_tools(profile, options, (block.name,)):
            refusal = f"Tool '{block.name}' is not available for this agent"
            return CallPlan(key=key, refusal=refusal)
        try:
            tools.require_allowed(tool)
        except PolicyDenied as denied:
            return CallPlan(key=key, refusal=str(denied), denied=denied.action)
        arguments, problem = decoded_arguments(block.arguments)
        if problem:
            return CallPlan(key=key, refusal=_malformed(block, problem))
        refusal = "" if self._reviews else faults_of(tool, arguments)
        return CallPlan(
            key=key,
            retry=tool.retry,
            parallel=is_parallel(tool, arguments),
            refusal=refusal,
            needs_review=self._reviews,
            can_compensate=tool.compensate is not None,
        )

    def _output_plan(
        self, key: EffectId, block: ToolCallBlock, output: TerminalOutput
    ) -> CallPlan:
        arguments, problem = decoded_arguments(block.arguments)
        fault = _malformed(block, problem) if problem else ""
        refusal = fault or self._faults(output, arguments, named=output.tool_name)
        return CallPlan(key=key, is_output=True, refusal=refusal)

    def output_verdict(self, reply: ModelReply, output: TerminalOutput | None) -> tuple[bool, str]:
        """Whether the text of an answer is the typed value of its run, and what is wrong with it.

        Neither, where the answer is not to be one: it has calls, or the value comes by a tool.
        """
        has_calls = any(isinstance(block, ToolCallBlock) for block in reply.blocks)
        if output is None or output.mode != "native" or has_calls:
            return False, ""
        text = text_of(reply.blocks)
        value, problem = decoded_arguments(text) if text.strip() else ({}, "the answer is empty")
        fault = problem or self._faults(output, value, named="")
        return not fault, fault

    def _faults(self, output: TerminalOutput, value: Mapping[str, object], *, named: str) -> str:
        fault = faults_by_schema(named, output.schema, value)
        check = self._output_checks.get(output.tool_name)
        return fault or (check(value) if check else "")


def faults_of(tool: Tool, arguments: Mapping[str, object]) -> str:
    """What is wrong with the arguments, for the model; a tool that cannot check takes none.

    Raises:
        TypeError: the check of the tool gave no text.
    """
    try:
        found: object = tool.faults(arguments)
        if not isinstance(found, str):
            raise TypeError(f"its check returned {type(found).__name__}, not a text")
    except BaseException as error:  # noqa: BLE001 - whatever it raises, the answer was paid for
        _log.exception("the arguments of %s could not be checked", tool.name)
        found = f"Tool '{tool.name}' could not check its arguments: {error_words(error)}"
    return encodable(found)


def is_parallel(tool: Tool, arguments: dict[str, object]) -> bool:
    """Whether a call may run beside others; a tool that cannot say runs alone.

    So does one that ends the run.
    """
    try:
        return not tool.terminal and bool(tool.is_parallel(arguments))
    except BaseException:  # noqa: BLE001 - a tool that cannot say runs alone
        return False


def decoded_arguments(arguments: str) -> tuple[dict[str, object], str]:
    """The arguments, and what is wrong with them (empty if nothing)."""
    try:
        decoded = json.loads(arguments.strip() or "{}", parse_constant=_refuse_constant)
        if "\\u" in arguments:  # half a surrogate pair is JSON, but not text that can be stored
            json.dumps(decoded, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        return {}, str(error)
    if not isinstance(decoded, dict):
        return {}, f"expected a JSON object, found {type(decoded).__name__}"
    return decoded, ""


def encoded_arguments(arguments: dict[str, object]) -> str:
    """JSON text of arguments.

    Raises:
        TypeError, ValueError: they cannot be written as JSON.
    """
    return msgspec.json.encode(arguments).decode()


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _malformed(block: ToolCallBlock, problem: str) -> str:
    raw = block.arguments
    shown = raw if len(raw) <= SHOWN_ARGUMENTS else raw[:SHOWN_ARGUMENTS] + "…"
    return (
        f"The call was not executed: its JSON arguments are invalid ({problem}). Please retry "
        "with valid JSON that matches the tool schema exactly.\n"
        f"Raw arguments (truncated): {shown}"
    )
