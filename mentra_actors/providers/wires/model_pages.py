"""Lists of models in the form that servers of OpenAI's wires share."""

from mentra_actors.providers.catalogue import ListedModel
from mentra_actors.providers.json_access import Json, list_of, number_of, object_of, text_of
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.contract import ModelPage
from mentra_actors.providers.wires.counts import size_of

__all__ = ["listed_page"]

_WINDOWS = ("context_length", "max_model_len", "context_window", "max_context_length")


def listed_page(result: Json, profile: Profile) -> ModelPage:
    """The models of a list; there is one page, and an entry without an id is none."""
    models = tuple(_model(entry, profile) for entry in list_of(result, "data"))
    return ModelPage(models=tuple(model for model in models if model.model_id))


def _model(entry: Json, profile: Profile) -> ListedModel:
    owner = text_of(entry, "owned_by")
    windows = (size_of(entry, name) for name in _WINDOWS)
    return ListedModel(
        provider=profile.name,
        model_id=text_of(entry, "id"),
        display_name=text_of(entry, "name"),
        description=text_of(entry, "description") or (f"Owned by {owner}" if owner else ""),
        created_at=number_of(entry, "created"),
        context_window=next(filter(None, windows), None),
        max_output_tokens=size_of(object_of(entry, "top_provider"), "max_completion_tokens"),
    )
