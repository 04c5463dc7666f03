"""The Gemini wire: `generateContent` of the Gemini Developer API, and servers that speak it."""

from urllib.parse import quote

from mentra_actors.domain.content import Message
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.catalogue import ListedModel
from mentra_actors.providers.json_access import Json, list_of, object_of, text_of
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import no_answer
from mentra_actors.providers.wires.contract import ModelPage, RequestPlan, whole_body
from mentra_actors.providers.wires.counts import size_of
from mentra_actors.providers.wires.gemini.decoder import GeminiDecoder, is_terminal
from mentra_actors.providers.wires.gemini.fields import request_fields
from mentra_actors.providers.wires.gemini.model_traits import resource_name
from mentra_actors.providers.wires.gemini.request import contents_of

__all__ = ["GEMINI_GENERATE_CONTENT", "GeminiWire"]

_ANSWERING = frozenset({"generateContent", "streamGenerateContent"})


class GeminiWire:
    """See `Wire`."""

    name = "gemini_generate_content"
    messages_field = "contents"

    def answer_path(self, request: ModelRequest, profile: Profile) -> str:
        """See `Wire`; a path of the profile may name the place of the model with `{model}`."""
        if profile.path:
            return profile.path.replace("{model}", quote(request.model, safe="/"))
        return f"{_path_of(request.model)}:streamGenerateContent?alt=sse"

    def plan(self, request: ModelRequest, profile: Profile) -> RequestPlan:
        """See `Wire`."""
        return RequestPlan(fields=request_fields(request, profile))

    def items(
        self, message: Message, model: str, profile: Profile, *, is_breakpoint: bool = False
    ) -> list[JsonObject]:
        """See `Wire`; the server caches by itself, so there are no breakpoints."""
        return contents_of(message, model, profile)

    def headers(self, request: ModelRequest, profile: Profile) -> dict[str, str]:
        """See `Wire`."""
        return {}

    def decoder(self, model: str, profile: Profile) -> GeminiDecoder:
        """See `Wire`."""
        return GeminiDecoder(model, profile)

    def is_terminal(self, event: Json) -> bool:
        """See `Wire`."""
        return is_terminal(event)

    def events_of_result(self, result: Json) -> list[Json]:
        """See `Wire`; a whole answer looks like a stream of one chunk."""
        known = ("candidates", "promptFeedback")
        if object_of(result, "error") or any(name in result for name in known):
            return [result]
        raise no_answer(result)

    def count_path(self, request: ModelRequest, profile: Profile) -> str:
        """See `Wire`."""
        if not profile.capabilities.token_counting:
            return ""
        return f"{_path_of(request.model)}:countTokens"

    def count_body(self, request: ModelRequest, profile: Profile) -> dict[str, object]:
        """See `Wire`."""
        body = whole_body(self, request, profile)
        return {"generateContentRequest": {"model": resource_name(request.model), **body}}

    def counted(self, result: Json) -> int | None:
        """See `Wire`."""
        return size_of(result, "totalTokens")

    def models_path(self, profile: Profile) -> str:
        """See `Wire`."""
        return "models?pageSize=1000"

    def models_page(self, result: Json, profile: Profile) -> ModelPage:
        """See `Wire`; models that cannot answer are left out."""
        models = tuple(_model(one, profile) for one in list_of(result, "models") if _answers(one))
        token = text_of(result, "nextPageToken")
        return ModelPage(
            models=tuple(model for model in models if model.model_id),
            next_page={"pageToken": token} if token else {},
        )


def _path_of(model: str) -> str:
    return quote(resource_name(model), safe="/")


def _answers(entry: Json) -> bool:
    methods = entry.get("supportedGenerationMethods")
    return isinstance(methods, list) and any(method in _ANSWERING for method in methods)


def _model(entry: Json, profile: Profile) -> ListedModel:
    """A model; nobody says when it was made."""
    name = text_of(entry, "name").removeprefix("models/")
    return ListedModel(
        provider=profile.name,
        model_id=text_of(entry, "baseModelId") or name,
        display_name=text_of(entry, "displayName"),
        description=text_of(entry, "description"),
        context_window=size_of(entry, "inputTokenLimit"),
        max_output_tokens=size_of(entry, "outputTokenLimit"),
    )


GEMINI_GENERATE_CONTENT = GeminiWire()
