"""How many tokens a request may have, where nobody counts them. It bounds nothing."""

from mentra_actors.domain.model_call import ModelRequest, ToolSpec
from mentra_actors.domain.token_estimate import TOKENS_PER_PART, message_tokens, text_tokens

__all__ = ["estimated_tokens", "tool_tokens"]


def estimated_tokens(request: ModelRequest) -> int:
    """The tokens of a request, guessed from its size."""
    output = text_tokens(request.output.schema) if request.output else 0
    messages = sum(map(message_tokens, request.messages))
    tools = sum(map(tool_tokens, request.tools))
    return text_tokens(request.system) + tools + output + messages


def tool_tokens(tool: ToolSpec) -> int:
    """The tokens of a tool as it is described to a model; 0 for one that is found when needed."""
    if tool.is_deferred:
        return 0
    return TOKENS_PER_PART + text_tokens(f"{tool.name}{tool.description}{tool.input_schema}")
