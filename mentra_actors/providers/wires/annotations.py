"""Annotations of a text, as OpenAI's wires write them: the sources of what it says."""

import msgspec

from mentra_actors.domain.content import Citation
from mentra_actors.providers.json_access import Json, object_of, text_of

__all__ = ["citation_of"]

_URL_CITATION = "url_citation"
_END_OF_PLACES = 2**31
"""No text is that long, and numbers above 64 bits cannot be stored."""
_TITLES = ("title", "name", "filename")


def citation_of(annotation: Json) -> Citation:
    """The source that an annotation names; its fields may lie in an object of their own."""
    kind = text_of(annotation, "type") or _URL_CITATION
    source = object_of(annotation, kind) or annotation
    return Citation(
        kind=kind,
        title=next(filter(None, (text_of(source, name) for name in _TITLES)), ""),
        url=text_of(source, "url"),
        quoted=text_of(source, "content"),
        start=_place(source, "start_index"),
        end=_place(source, "end_index"),
        raw=msgspec.json.encode(annotation).decode(),
    )


def _place(source: Json, name: str) -> int | None:
    place = source.get(name)
    if not isinstance(place, int) or isinstance(place, bool):
        return None
    return place if 0 <= place < _END_OF_PLACES else None
