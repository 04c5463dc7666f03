"""Images and documents as blocks of a user message or of a tool's result."""

import base64
from collections.abc import Mapping
from typing import Any, assert_never

from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.domain.media_types import PDF, media_type_of
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.attachment_sources import (
    absent_bytes,
    own_file_id,
    require_files,
    require_images,
)

__all__ = ["attachment_block"]

_IMAGE_TYPES: Mapping[str, str] = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
_TEXT_TYPES = frozenset(
    {"application/json", "application/xml", "application/yaml", "application/x-yaml"}
)

_Block = dict[str, Any]


def attachment_block(attachment: Attachment, profile: Profile) -> _Block:
    """The block of one attachment.

    Raises:
        ProviderError: `invalid_request`: the server cannot take it, or its bytes are not here.
    """
    match attachment:
        case ImageBlock():
            return _image(attachment, profile)
        case FileBlock():
            return _file(attachment, profile)
        case _:
            assert_never(attachment)


def _image(image: ImageBlock, profile: Profile) -> _Block:
    require_images(profile)
    if image.data:
        return _image_of_bytes(image.data, image.media_type, profile)
    if image.url:
        return _image_of_url(image.url, profile)
    raise absent_bytes("image", image.blob)


def _image_of_bytes(content: bytes, media_type: str, profile: Profile) -> _Block:
    known = _IMAGE_TYPES.get(media_type.lower())
    if known is None:
        raise invalid_request(
            f"{profile.title} takes no images of type {media_type!r}: give the media type, one of "
            f"{', '.join(sorted(set(_IMAGE_TYPES.values())))}"
        )
    return {"type": "image", "source": _base64(content, known)}


def _image_of_url(url: str, profile: Profile) -> _Block:
    if not profile.takes_image_urls:
        raise invalid_request(f"{profile.title} takes no URLs of images: send the bytes")
    return {"type": "image", "source": {"type": "url", "url": url}}


def _file(file: FileBlock, profile: Profile) -> _Block:
    require_files(profile)
    is_image = file.media_type.startswith("image/")
    if file.file_id:
        source = {"type": "file", "file_id": own_file_id(file, profile)}
        return {"type": "image", "source": source} if is_image else _document(source, file)
    if file.data:
        if is_image:
            return _image_of_bytes(file.data, file.media_type, profile)
        return _document(_document_source(file, profile), file)
    if file.url:
        if is_image:
            return _image_of_url(file.url, profile)
        return _document({"type": "url", "url": file.url}, file)
    raise absent_bytes("file", file.blob)


def _document(source: _Block, file: FileBlock) -> _Block:
    title = {"title": file.name} if file.name else {}
    return {"type": "document", "source": source, **title}


def _document_source(file: FileBlock, profile: Profile) -> _Block:
    media_type = file.media_type.partition(";")[0].strip().lower()
    if (media_type or media_type_of(file.data)) == PDF:
        return _base64(file.data, PDF)
    if not media_type.startswith("text/") and media_type not in _TEXT_TYPES:
        raise invalid_request(
            f"{profile.title} takes no files of type {file.media_type!r} (file {file.name!r}): "
            "send a PDF or text, and say which in the media type"
        )
    try:
        text = file.data.decode()
    except UnicodeDecodeError as error:
        raise invalid_request(f"the file {file.name!r} is no UTF-8 text: {error}") from error
    return {"type": "text", "media_type": "text/plain", "data": text}


def _base64(content: bytes, media_type: str) -> _Block:
    encoded = base64.b64encode(content).decode("ascii")
    return {"type": "base64", "media_type": media_type, "data": encoded}
