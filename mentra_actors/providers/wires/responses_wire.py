"""The Responses wire: OpenAI, OpenRouter, Ollama, LM Studio and compatible servers."""

from typing import Any

from mentra_actors.domain.content import Message
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.errors import ProviderError
from mentra_actors.providers.json_access import Json, number_of, object_of, text_of
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.contract import ModelPage, RequestPlan, whole_body
from mentra_actors.providers.wires.model_pages import listed_page
from mentra_actors.providers.wires.responses.decoder import ResponsesDecoder, is_terminal
from mentra_actors.providers.wires.responses.fields import request_fields
from mentra_actors.providers.wires.responses.request import input_items

__all__ = ["RESPONSES", "ResponsesWire"]


class ResponsesWire:
    """See `Wire`."""

    name = "openai_responses"
    messages_field = "input"

    def answer_path(self, request: ModelRequest, profile: Profile) -> str:
        """See `Wire`."""
        return profile.path or "responses"

    def plan(self, request: ModelRequest, profile: Profile) -> RequestPlan:
        """See `Wire`."""
        return RequestPlan(fields=request_fields(request, profile))

    def items(
        self, message: Message, model: str, profile: Profile, *, is_breakpoint: bool = False
    ) -> list[dict[str, Any]]:
        """See `Wire`; the server caches by itself, so there are no breakpoints."""
        return input_items(message, model, profile)

    def headers(self, request: ModelRequest, profile: Profile) -> dict[str, str]:
        """See `Wire`."""
        return {}

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
            raise ProviderError(
                "the body is neither events nor an answer: it has the fields "
                f"{sorted(result)[:20]}",
                kind="invalid_response",
                transient=False,
            )
        status = text_of(result, "status") or "completed"
        return [{"type": f"response.{status}", "response": result}]

    def count_path(self, request: ModelRequest, profile: Profile) -> str:
        """See `Wire`."""
        return "responses/input_tokens" if profile.capabilities.token_counting else ""

    def count_body(self, request: ModelRequest, profile: Profile) -> dict[str, Any]:
        """See `Wire`."""
        body = whole_body(self, request, profile)
        counted = ("model", "input", "instructions", "tools", "tool_choice", "reasoning", "text")
        return {name: body[name] for name in counted if name in body}

    def counted(self, result: Json) -> int | None:
        """See `Wire`."""
        tokens = number_of(result, "input_tokens")
        return None if tokens is None else int(tokens)

    def models_path(self, profile: Profile) -> str:
        """See `Wire`."""
        return "models"

    def models_page(self, result: Json, profile: Profile) -> ModelPage:
        """See `Wire`."""
        return listed_page(result, profile)


RESPONSES = ResponsesWire()
