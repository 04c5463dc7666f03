"""From an agent and its transcript to what a provider is asked. Pure."""

from collections.abc import Iterable

from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.agent.profile import AgentProfile, offered_tools, tool_choice_for
from mentra_actors.domain.agent.run_options import RunOptions, TerminalOutput
from mentra_actors.domain.model_call import ModelRequest, OutputSchema, ToolSpec
from mentra_actors.domain.request_view import RequestView, shown, standing_view
from mentra_actors.domain.token_estimate import text_tokens
from mentra_actors.domain.transcript import Transcript
from mentra_actors.providers.token_estimate import tool_tokens
from mentra_actors.tools.registry import ToolRegistry

__all__ = ["frame_tokens", "model_request", "request_of"]

_OUTPUT_NAME = "output"


def model_request(
    effect: CallModel,
    transcript: Transcript,
    model: str,
    tools: ToolRegistry,
    view: RequestView | None = None,
) -> ModelRequest:
    """The request of one model call; `model` is the provider's own name for it.

    Without a `view` it says nothing behind the conversation.
    """
    return request_of(effect.profile, effect.options, transcript, model, tools, view)


def frame_tokens(profile: AgentProfile, options: RunOptions, tools: ToolRegistry) -> int:
    """The tokens of a request beside its messages, as far as they can be guessed."""
    described = tools.described(offered_tools(profile, options, tools.offered))
    output = text_tokens(options.output.schema) if options.output else 0
    system = text_tokens(_system(profile, described.guides))
    return system + sum(map(tool_tokens, described.specs)) + output


def request_of(
    profile: AgentProfile,
    options: RunOptions,
    transcript: Transcript,
    model: str,
    tools: ToolRegistry,
    view: RequestView | None = None,
) -> ModelRequest:
    """What an agent would ask of a model, with these options of a run."""
    messages = shown(transcript, view or standing_view(profile.compaction, transcript))
    names = offered_tools(profile, options, tools.offered)
    described = tools.described(names)
    specs = described.specs
    output = options.output
    if output is not None and output.mode == "tool":
        specs = (*specs, _output_tool(output))
    return ModelRequest(
        model=model,
        messages=messages,
        system=_system(profile, described.guides),
        tools=specs,
        tool_choice=tool_choice_for(profile, options, names),
        temperature=profile.temperature,
        max_output_tokens=profile.max_output_tokens,
        reasoning=profile.reasoning,
        metadata=profile.metadata,
        options=profile.provider,
        output=_output_schema(output),
    )


def _system(profile: AgentProfile, guides: Iterable[str]) -> str:
    """The agent's own prompt, and what its tools say of themselves beyond their descriptions.

    It is the same in every round until the tools change, so what is before it can be cached.
    """
    return "\n\n".join(filter(None, (profile.system, *guides)))


def _output_tool(output: TerminalOutput) -> ToolSpec:
    described = output.description or "Hand over the final result. Call it once, at the end."
    return ToolSpec(name=output.tool_name, description=described, input_schema=output.schema)


def _output_schema(output: TerminalOutput | None) -> OutputSchema | None:
    if output is None or output.mode != "native":
        return None
    name = output.tool_name or _OUTPUT_NAME
    return OutputSchema(name=name, schema=output.schema, description=output.description)
