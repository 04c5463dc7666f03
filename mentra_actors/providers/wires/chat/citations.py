"""Sources that an answer names: annotations of its text, and plain lists of pages."""

from collections.abc import Iterable

import msgspec

from mentra_actors.domain.content import Citation
from mentra_actors.providers.json_access import Json, list_of, object_of, text_of

__all__ = ["citations_in"]

_URL_CITATION = "url_citation"


def citations_in(chunk: Json, message: Json) -> Iterable[Citation]:
    """The sources in a chunk and in the message, or the piece of one, that it holds."""
    for annotation in list_of(message, "annotations"):
        yield _annotated(annotation)
    pages = chunk.get("citations")
    for page in pages if isinstance(pages, list) else []:
        if isinstance(page, str) and page:
            yield Citation(kind=_URL_CITATION, url=page)


def _annotated(annotation: Json) -> Citation:
    kind = text_of(annotation, "type") or _URL_CITATION
    source = object_of(annotation, kind) or annotation
    return Citation(
        kind=kind,
        title=text_of(source, "title") or text_of(source, "name"),
        url=text_of(source, "url"),
        quoted=text_of(source, "content"),
        start=_place(source, "start_index"),
        end=_place(source, "end_index"),
        raw=msgspec.json.encode(annotation).decode(),
    )


def _place(source: Json, name: str) -> int | None:
    place = source.get(name)
    return place if isinstance(place, int) and not isinstance(place, bool) else None
