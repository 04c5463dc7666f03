"""The model `offline:survey`: rules instead of a network, for the demo and for tests.

It is not a language model. It plans by rules over what the tools have returned in the messages of
the request, remembers nothing, and so gives the same answer when it is asked again after a crash.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from types import MappingProxyType

from mentra_actors.demo.conversation import Conversation, read_conversation
from mentra_actors.demo.lead_rules import lead_turn
from mentra_actors.demo.teammate_rules import teammate_turn
from mentra_actors.domain.content import AssistantBlock
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.errors import UnknownModel
from mentra_actors.providers.port import ModelEvent
from mentra_actors.providers.scripted import ScriptedModel, call, say

__all__ = ["OFFLINE_MODELS", "OFFLINE_PROVIDER", "OfflineModel", "offline_turn"]

OFFLINE_PROVIDER = "offline"
OFFLINE_MODELS = ("survey",)

_DELTA_CHARS = 32
_LEAD_TOOLS = frozenset({"count_files", "post_notice", "task_create", "team_spawn", "write"})
_MATE_TOOLS = frozenset({"count_files", "task_claim", "task_update", "team_send"})
_LISTINGS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "files": {"operations": [{"op": "list", "path": ".", "limit": 1000}]},
        "ls": {"path": ".", "limit": 1000},
    }
)
"""How the present directory is listed, by the tool that does it."""
_WHO = "I am an offline rule-based model, not a language model."


class OfflineModel:
    """A `ModelProvider` that needs no key and no network; it answers in small pieces.

    Args:
        delta_delay_s: seconds before each piece, so that there is something to watch.
    """

    def __init__(self, *, delta_delay_s: float = 0.0) -> None:
        self._model = ScriptedModel(
            offline_turn, OFFLINE_PROVIDER, delta_chars=_DELTA_CHARS, delay_s=delta_delay_s
        )

    @property
    def name(self) -> str:
        """The part of the model name before the colon."""
        return OFFLINE_PROVIDER

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Events of one answer.

        Raises:
            UnknownModel: the model is not `survey`.
        """
        if request.model not in OFFLINE_MODELS:
            known = ", ".join(f"{OFFLINE_PROVIDER}:{name}" for name in OFFLINE_MODELS)
            raise UnknownModel(f"no offline model {request.model!r}; known: {known}")
        return self._model.stream(request)

    async def aclose(self) -> None:
        """Nothing to release."""


def offline_turn(request: ModelRequest) -> Sequence[AssistantBlock]:
    """What the rules answer to a request."""
    conversation = read_conversation(request)
    if conversation.identity is not None and conversation.tools >= _MATE_TOOLS:
        return teammate_turn(conversation, conversation.identity)
    if conversation.tools >= _LEAD_TOOLS:
        return lead_turn(conversation)
    return _look_around(conversation)


def _look_around(conversation: Conversation) -> Sequence[AssistantBlock]:
    """Without the tools of a survey: say what there is, and what this model is."""
    tool = next((one for one in _LISTINGS if one in conversation.tools), None)
    if tool is None:
        return [say(f"{_WHO} Without tools I can only say so. You wrote: {conversation.prompt}")]
    looks = conversation.of(tool, after=conversation.last_input_at)
    if not looks:
        return [say(f"{_WHO} I look at the directory."), call(tool, **_LISTINGS[tool])]
    lines = looks[-1].content.splitlines()
    if looks[-1].is_error:
        return [say(f"{_WHO} I could not look at the directory: {looks[-1].content}")]
    files = sum(line.startswith("[file] ") for line in lines)
    directories = sum(line.startswith("[dir] ") for line in lines)
    return [
        say(
            f"{_WHO} The directory has {files} file{'s' * (files != 1)} and {directories} "
            f"{'directory' if directories == 1 else 'directories'}. "
            "I can do one thing well, a survey by a team: run `mentra demo`."
        )
    ]
