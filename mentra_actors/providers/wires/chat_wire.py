"""The Chat Completions wire: servers that have only that, and those that have it as well."""

from mentra_actors.domain.content import Message
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.json_access import Json
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import no_answer
from mentra_actors.providers.wires.chat.decoder import ChatDecoder, error_of, finish_reason_of
from mentra_actors.providers.wires.chat.fields import request_plan
from mentra_actors.providers.wires.chat.messages import message_items
from mentra_actors.providers.wires.chat.usage import usage_of
from mentra_actors.providers.wires.contract import ModelPage, RequestPlan, whole_body
from mentra_actors.providers.wires.model_pages import listed_page

__all__ = ["CHAT_COMPLETIONS", "ChatWire"]


class ChatWire:
    """See `Wire`."""

    name = "chat_completions"
    messages_field = "messages"

    def answer_path(self, request: ModelRequest, profile: Profile) -> str:
        """See `Wire`."""
        return profile.path or "chat/completions"

    def plan(self, request: ModelRequest, profile: Profile) -> RequestPlan:
        """See `Wire`; the system message is the first item."""
        return request_plan(request, profile)

    def items(
        self, message: Message, model: str, profile: Profile, *, is_breakpoint: bool = False
    ) -> list[JsonObject]:
        """See `Wire`."""
        return message_items(message, model, profile, is_breakpoint=is_breakpoint)

    def headers(self, request: ModelRequest, profile: Profile) -> dict[str, str]:
        """See `Wire`."""
        return {}

    def decoder(self, model: str, profile: Profile) -> ChatDecoder:
        """See `Wire`."""
        return ChatDecoder(model, profile)

    def is_terminal(self, event: Json) -> bool:
        """See `Wire`; the chunk that ends the answer, and those that may follow it."""
        return bool(finish_reason_of(event) or error_of(event) or usage_of(event))

    def events_of_result(self, result: Json) -> list[Json]:
        """See `Wire`; a whole message is read like one big piece."""
        if not isinstance(result.get("choices"), list) and error_of(result) is None:
            raise no_answer(result)
        return [result]

    def count_path(self, request: ModelRequest, profile: Profile) -> str:
        """See `Wire`; the wire has no such endpoint."""
        return ""

    def count_body(self, request: ModelRequest, profile: Profile) -> dict[str, object]:
        """See `Wire`."""
        return whole_body(self, request, profile)

    def counted(self, result: Json) -> int | None:
        """See `Wire`."""
        return None

    def models_path(self, profile: Profile) -> str:
        """See `Wire`."""
        return "models"

    def models_page(self, result: Json, profile: Profile) -> ModelPage:
        """See `Wire`."""
        return listed_page(result, profile)


CHAT_COMPLETIONS = ChatWire()
