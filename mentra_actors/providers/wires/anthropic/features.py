"""Features that the server takes only if a header asks for them."""

from collections.abc import Iterator, Mapping

from mentra_actors.domain.content import Attachment, FileBlock, ToolResultsMessage, UserMessage
from mentra_actors.domain.model_call import ModelRequest

__all__ = ["beta_features"]

_FILES = "files-api-2025-04-14"
_FEATURE_BY_TOOL: Mapping[str, str] = {
    "mcp_toolset": "mcp-client-2025-11-20",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
    "advisor_20260301": "advisor-tool-2026-03-01",
}


def beta_features(request: ModelRequest) -> list[str]:
    """The words for the header `anthropic-beta`, each once."""
    tools = [tool.options.get("type", tool.kind) for tool in request.options.hosted_tools]
    features = [_FEATURE_BY_TOOL[tool] for tool in tools if tool in _FEATURE_BY_TOOL]
    if any(isinstance(one, FileBlock) and one.file_id for one in _attachments(request)):
        features.append(_FILES)
    return list(dict.fromkeys(features))


def _attachments(request: ModelRequest) -> Iterator[Attachment]:
    for message in request.messages:
        match message:
            case UserMessage():
                yield from message.attachments
            case ToolResultsMessage():
                for result in message.results:
                    yield from result.attachments
