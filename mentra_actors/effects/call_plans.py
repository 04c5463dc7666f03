"""How the calls of an answer will be run: found, offered, sound, and in which lane."""

import json

import msgspec

from mentra_actors.domain.agent.events import AgentProfile, CallPlan
from mentra_actors.domain.agent.run_options import RunOptions, TerminalOutput
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import ToolCallBlock, text_of
from mentra_actors.domain.model_call import ModelReply
from mentra_actors.ids import EffectId
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.registry import ToolRegistry
from mentra_actors.tools.schema_faults import faults_by_schema

__all__ = [
    "CallPlanner",
    "decoded_arguments",
    "encoded_arguments",
    "is_parallel",
    "output_verdict",
]

SHOWN_ARGUMENTS = 240


class CallPlanner:
    """Plans calls. With `reviews` hooks and authorizer look at each call that could run."""

    def __init__(self, tools: ToolRegistry, *, reviews: bool) -> None:
        self._tools = tools
        self._reviews = reviews

    def plans(
        self, effect_id: EffectId, reply: ModelReply, profile: AgentProfile, options: RunOptions
    ) -> tuple[CallPlan, ...]:
        """A plan for each call of an answer, in its order."""
        asked = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
        return tuple(
            self._plan(call_key(effect_id, index), block, profile, options)
            for index, block in enumerate(asked)
        )

    def _plan(
        self, key: EffectId, block: ToolCallBlock, profile: AgentProfile, options: RunOptions
    ) -> CallPlan:
        output = options.output
        if output is not None and output.mode == "tool" and block.name == output.tool_name:
            return _output_plan(key, block, output)
        tool = self._tools.get(block.name)
        if tool is None:
            return CallPlan(key=key, refusal="Tool not found")
        if not profile.offers(block.name):
            refusal = f"Tool '{block.name}' is not available for this agent"
            return CallPlan(key=key, refusal=refusal)
        arguments, problem = decoded_arguments(block.arguments)
        if problem:
            return CallPlan(key=key, refusal=_malformed(block, problem))
        refusal = "" if self._reviews else tool.faults(arguments)
        return CallPlan(
            key=key,
            retry=tool.retry,
            parallel=is_parallel(tool, arguments),
            refusal=refusal,
            needs_review=self._reviews,
            can_compensate=tool.compensate is not None,
        )


def _output_plan(key: EffectId, block: ToolCallBlock, output: TerminalOutput) -> CallPlan:
    arguments, problem = decoded_arguments(block.arguments)
    if problem:
        return CallPlan(key=key, is_output=True, refusal=_malformed(block, problem))
    refusal = faults_by_schema(output.tool_name, output.schema, arguments)
    return CallPlan(key=key, is_output=True, refusal=refusal)


def output_verdict(reply: ModelReply, output: TerminalOutput | None) -> tuple[str, str]:
    """The text of an answer as the typed value of its run, and what is wrong with it.

    Both are empty where the answer is not to be one: it has calls, or the value comes by a tool.
    """
    has_calls = any(isinstance(block, ToolCallBlock) for block in reply.blocks)
    if output is None or output.mode != "native" or has_calls:
        return "", ""
    text = text_of(reply.blocks)
    value, problem = decoded_arguments(text) if text.strip() else ({}, "the answer is empty")
    fault = problem or faults_by_schema("the answer", output.schema, value)
    return ("", fault) if fault else (text.strip(), "")


def is_parallel(tool: Tool, arguments: dict[str, object]) -> bool:
    """Whether a call may run beside others; a tool that cannot say runs alone."""
    try:
        return bool(tool.is_parallel(arguments))
    except Exception:  # noqa: BLE001 - a tool that cannot say runs alone
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
