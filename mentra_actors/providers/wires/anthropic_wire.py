"""The Anthropic Messages wire."""

from datetime import datetime

from mentra_actors.domain.content import Message
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.catalogue import ListedModel
from mentra_actors.providers.json_access import Json, list_of, text_of
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import no_answer
from mentra_actors.providers.wires.anthropic.decoder import AnthropicDecoder, is_terminal
from mentra_actors.providers.wires.anthropic.features import beta_features
from mentra_actors.providers.wires.anthropic.fields import request_plan
from mentra_actors.providers.wires.anthropic.messages import message_items
from mentra_actors.providers.wires.contract import ModelPage, RequestPlan, whole_body
from mentra_actors.providers.wires.counts import size_of

__all__ = ["ANTHROPIC_MESSAGES", "AnthropicWire"]

_MODELS_PATH = "models?limit=1000"
_COUNTED = (
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "mcp_servers",
)
"""The fields that the endpoint which counts tokens takes."""


class AnthropicWire:
    """See `Wire`."""

    name = "anthropic_messages"
    messages_field = "messages"

    def answer_path(self, request: ModelRequest, profile: Profile) -> str:
        """See `Wire`."""
        return profile.path or "messages"

    def plan(self, request: ModelRequest, profile: Profile) -> RequestPlan:
        """See `Wire`."""
        return request_plan(request, profile)

    def items(
        self, message: Message, model: str, profile: Profile, *, is_breakpoint: bool = False
    ) -> list[JsonObject]:
        """See `Wire`."""
        return message_items(message, model, profile, is_breakpoint=is_breakpoint)

    def headers(self, request: ModelRequest, profile: Profile) -> dict[str, str]:
        """See `Wire`; `anthropic-beta` of the request's own extra headers replaces this one."""
        features = beta_features(request)
        return {"anthropic-beta": ",".join(features)} if features else {}

    def decoder(self, model: str, profile: Profile) -> AnthropicDecoder:
        """See `Wire`."""
        return AnthropicDecoder(model, profile)

    def is_terminal(self, event: Json) -> bool:
        """See `Wire`."""
        return is_terminal(event)

    def events_of_result(self, result: Json) -> list[Json]:
        """See `Wire`."""
        if isinstance(result.get("content"), list):
            return [{"type": "message_start", "message": result}, {"type": "message_stop"}]
        if result.get("error") or text_of(result, "type") == "error":
            return [{"type": "error", "error": result.get("error")}]
        raise no_answer(result)

    def count_path(self, request: ModelRequest, profile: Profile) -> str:
        """See `Wire`."""
        path = f"{self.answer_path(request, profile)}/count_tokens"
        return path if profile.capabilities.token_counting else ""

    def count_body(self, request: ModelRequest, profile: Profile) -> dict[str, object]:
        """See `Wire`."""
        body = whole_body(self, request, profile)
        return {name: body[name] for name in _COUNTED if name in body}

    def counted(self, result: Json) -> int | None:
        """See `Wire`."""
        return size_of(result, "input_tokens")

    def models_path(self, profile: Profile) -> str:
        """See `Wire`."""
        return _MODELS_PATH

    def models_page(self, result: Json, profile: Profile) -> ModelPage:
        """See `Wire`."""
        models = (_model(entry, profile) for entry in list_of(result, "data"))
        last_id = text_of(result, "last_id")
        has_more = result.get("has_more") is True and bool(last_id)
        return ModelPage(
            models=tuple(model for model in models if model.model_id),
            next_page={"after_id": last_id} if has_more else {},
        )


def _model(entry: Json, profile: Profile) -> ListedModel:
    return ListedModel(
        provider=profile.name,
        model_id=text_of(entry, "id"),
        display_name=text_of(entry, "display_name"),
        created_at=_unix_s(text_of(entry, "created_at")),
        context_window=size_of(entry, "max_input_tokens"),
        max_output_tokens=size_of(entry, "max_tokens"),
    )


def _unix_s(date: str) -> float | None:
    """A date of RFC 3339 in Unix seconds; None where it is none, or says no offset."""
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.timestamp()


ANTHROPIC_MESSAGES = AnthropicWire()
