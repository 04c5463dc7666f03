"""The Responses wire: OpenAI, OpenRouter, Ollama, LM Studio and compatible servers."""

from mentra_actors.domain.content import Message
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.errors import ProviderError
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.catalogue import RemoteCompaction
from mentra_actors.providers.json_access import Json, object_of, text_of
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import no_answer
from mentra_actors.providers.wires.contract import (
    ModelPage,
    RequestPlan,
    StatelessRequest,
    whole_body,
)
from mentra_actors.providers.wires.counts import size_of
from mentra_actors.providers.wires.model_pages import listed_page
from mentra_actors.providers.wires.responses.compaction import remote_compaction
from mentra_actors.providers.wires.responses.decoder import ResponsesDecoder, is_terminal
from mentra_actors.providers.wires.responses.fields import request_plan
from mentra_actors.providers.wires.responses.request import input_items
from mentra_actors.providers.wires.responses.state import stateless_request

__all__ = ["RESPONSES", "ResponsesWire"]

_COUNTED = (
    "model",
    "input",
    "previous_response_id",
    "instructions",
    "tools",
    "tool_choice",
    "reasoning",
    "text",
)
"""The fields that the endpoint which counts tokens takes."""


class ResponsesWire:
    """See `Wire`."""

    name = "openai_responses"
    messages_field = "input"

    def answer_path(self, request: ModelRequest, profile: Profile) -> str:
        """See `Wire`."""
        return profile.path or "responses"

    def plan(self, request: ModelRequest, profile: Profile) -> RequestPlan:
        """See `Wire`."""
        return request_plan(request, profile)

    def items(
        self, message: Message, model: str, profile: Profile, *, is_breakpoint: bool = False
    ) -> list[JsonObject]:
        """See `Wire`; the server caches by itself, so there are no breakpoints."""
        return input_items(message, model, profile)

    def headers(self, request: ModelRequest, profile: Profile) -> dict[str, str]:
        """See `Wire`."""
        return {}

    def without_state(
        self, request: ModelRequest, error: ProviderError | None
    ) -> StatelessRequest | None:
        """See `StatefulWire`."""
        return stateless_request(request, error)

    def decoder(self, model: str, profile: Profile) -> ResponsesDecoder:
        """See `Wire`."""
        return ResponsesDecoder(model, profile)

    def is_terminal(self, event: Json) -> bool:
        """See `Wire`."""
        return is_terminal(event)

    def events_of_result(self, result: Json) -> list[Json]:
        """See `Wire`."""
        if text_of(result, "object") != "response" and object_of(result, "error"):
            return [{"type": "error", "error": object_of(result, "error")}]
        if "output" not in result:
            raise no_answer(result)
        status = text_of(result, "status") or "completed"
        return [{"type": f"response.{status}", "response": result}]

    def count_path(self, request: ModelRequest, profile: Profile) -> str:
        """See `Wire`."""
        return "responses/input_tokens" if profile.capabilities.token_counting else ""

    def count_body(self, request: ModelRequest, profile: Profile) -> dict[str, object]:
        """See `Wire`."""
        body = whole_body(self, request, profile)
        return {name: body[name] for name in _COUNTED if name in body}

    def counted(self, result: Json) -> int | None:
        """See `Wire`."""
        return size_of(result, "input_tokens")

    def compaction_path(self, profile: Profile) -> str:
        """See `CompactingWire`."""
        return "responses/compact" if profile.capabilities.history_compaction else ""

    def compaction_body(self, request: ModelRequest, profile: Profile) -> dict[str, object]:
        """See `CompactingWire`; all of the conversation is sent, the server need not remember."""
        items = [
            item
            for message in request.messages
            for item in self.items(message, request.model, profile)
        ]
        instructions = {"instructions": request.system} if request.system else {}
        return {"model": request.model, "input": items, **instructions}

    def compacted(self, result: Json, model: str, profile: Profile) -> RemoteCompaction:
        """See `CompactingWire`."""
        return remote_compaction(result, model, profile)

    def models_path(self, profile: Profile) -> str:
        """See `Wire`."""
        return "models"

    def models_page(self, result: Json, profile: Profile) -> ModelPage:
        """See `Wire`."""
        return listed_page(result, profile)


RESPONSES = ResponsesWire()
