"""Sources that an answer names: annotations of its text, and plain lists of pages."""

from collections.abc import Iterable

from mentra_actors.domain.content import Citation
from mentra_actors.providers.json_access import Json, list_of
from mentra_actors.providers.wires.annotations import citation_of

__all__ = ["citations_in"]

_URL_CITATION = "url_citation"


def citations_in(chunk: Json, message: Json) -> Iterable[Citation]:
    """The sources in a chunk and in the message, or the piece of one, that it holds."""
    for annotation in list_of(message, "annotations"):
        yield citation_of(annotation)
    pages = chunk.get("citations")
    for page in pages if isinstance(pages, list) else []:
        if isinstance(page, str) and page:
            yield Citation(kind=_URL_CITATION, url=page)
