"""Images and documents for a model, from files, bytes and URLs."""

import mimetypes
from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias

from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.domain.media_types import media_type_of
from mentra_actors.domain.storable import as_stored

__all__ = ["MAX_ATTACHMENT_BYTES", "Source", "checked_attachments", "document", "image"]

MAX_ATTACHMENT_BYTES = 32 * 1024 * 1024
"""No provider takes more in one request; larger files are for their upload services."""

Source: TypeAlias = str | PathLike[str] | bytes
"""A path, bytes, or a URL (a text that begins with `http://`, `https://` or `gs://`)."""

_URLS = ("http://", "https://", "gs://")


def image(source: Source, *, media_type: str = "", detail: str = "") -> ImageBlock:
    """An image for `send(..., attachments=[...])`, or to be returned by a tool.

    A file is read now. The media type is told by the bytes, else by the name of the file;
    `detail` (`low`, `high`, `auto`) says how closely to look, where a provider takes that.

    Raises:
        ValueError: the media type cannot be told, it is no image, or it is too large.
        OSError: the file cannot be read.
    """
    if _is_url(source):
        return ImageBlock(url=str(source), media_type=media_type, detail=detail)
    content, name = _content(source)
    kind = media_type or media_type_of(content) or _type_by_name(name)
    if not kind.startswith("image/"):
        raise ValueError(f"{name or 'these bytes'} are no image that is known: say its media_type")
    return ImageBlock(data=content, media_type=kind, detail=detail)


def document(source: Source, *, name: str = "", media_type: str = "") -> FileBlock:
    """A document, like a PDF, for `send(..., attachments=[...])`, or to be returned by a tool.

    A file is read now. `name` is what the model is told; without it, that of the file.

    Raises:
        ValueError: the media type cannot be told, or it is too large.
        OSError: the file cannot be read.
    """
    if _is_url(source):
        url = str(source)
        kind = media_type or _type_by_name(url.partition("?")[0])
        return FileBlock(url=url, media_type=kind, name=name)
    content, found = _content(source)
    kind = media_type or media_type_of(content) or _type_by_name(name or found)
    if not kind:
        raise ValueError(
            f"the kind of {name or found or 'these bytes'} is not known: say its media_type"
        )
    return FileBlock(data=content, media_type=kind, name=name or found)


def checked_attachments(attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """The attachments, if all of them can be stored and sent.

    Raises:
        TypeError: one is neither an image nor a document.
        ValueError: one holds nothing, or too much.
    """
    if isinstance(attachments, ImageBlock | FileBlock | str | bytes):
        raise TypeError("attachments are a list of images and documents, not a single one")
    if not isinstance(attachments, Iterable):
        raise TypeError(f"attachments are a list of images and documents, not {attachments!r}")
    attachments = tuple(attachments)
    if not attachments:
        return ()
    for one in attachments:
        if not isinstance(one, ImageBlock | FileBlock):
            raise TypeError(f"an attachment is what `image` or `document` gives, not {one!r}")
    checked = as_stored(attachments, tuple[Attachment, ...], "attachments")
    for one in checked:
        is_there = one.data or one.url or one.blob or (isinstance(one, FileBlock) and one.file_id)
        if not is_there:
            raise ValueError("an attachment holds nothing: give it bytes or a URL")
        _require_size(len(one.data))
    return checked


def _is_url(source: Source) -> bool:
    return isinstance(source, str) and source.startswith(_URLS)


def _content(source: Source) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        _require_size(len(source))
        return source, ""
    path = Path(fspath(source))
    _require_size(path.stat().st_size)
    return path.read_bytes(), path.name


def _require_size(size_bytes: int) -> None:
    if size_bytes > MAX_ATTACHMENT_BYTES:
        raise ValueError(
            f"an attachment has at most {MAX_ATTACHMENT_BYTES:,} bytes, not {size_bytes:,}"
        )


def _type_by_name(name: str) -> str:
    return mimetypes.guess_type(name)[0] or ""
