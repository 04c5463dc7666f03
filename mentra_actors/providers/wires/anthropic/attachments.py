"""Images and documents as blocks of a user message or of a tool's result."""

import base64

from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.domain.media_types import PDF
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.attachment_sources import (
    NotShownError,
    absent_bytes,
    as_image,
    document_type,
    image_type,
    own_file_id,
    require_files,
    require_images,
    require_web,
    shown,
)

__all__ = ["attachment_block"]

_TEXT_TYPES = frozenset(
    {"application/json", "application/xml", "application/yaml", "application/x-yaml"}
)

_Block = JsonObject


def attachment_block(attachment: Attachment, profile: Profile) -> _Block:
    """The block of one attachment, or a text in place of one that the server is not shown."""
    return shown(attachment, profile, _block, lambda words: {"type": "text", "text": words})


def _block(attachment: Attachment, profile: Profile) -> _Block:
    plain = as_image(attachment)
    return _image(plain, profile) if isinstance(plain, ImageBlock) else _file(plain, profile)


def _image(image: ImageBlock, profile: Profile) -> _Block:
    require_images(profile)
    if image.data:
        return {"type": "image", "source": _base64(image.data, image_type(image))}
    if not image.url:
        raise absent_bytes(image.blob)
    if not profile.takes_image_urls:
        raise NotShownError(f"{profile.title} takes no URLs of images")
    return {"type": "image", "source": {"type": "url", "url": require_web(image.url)}}


def _file(file: FileBlock, profile: Profile) -> _Block:
    require_files(profile)
    if file.file_id:
        source = {"type": "file", "file_id": own_file_id(file, profile)}
        is_image = file.media_type.startswith("image/")
        return {"type": "image", "source": source} if is_image else _document(source, file)
    if file.data:
        return _document(_document_source(file, profile), file)
    if not file.url:
        raise absent_bytes(file.blob)
    if file.media_type not in ("", PDF):
        raise NotShownError(f"{profile.title} reads only PDFs by their address")
    return _document({"type": "url", "url": require_web(file.url)}, file)


def _document(source: _Block, file: FileBlock) -> _Block:
    title = {"title": file.name} if file.name else {}
    return {"type": "document", "source": source, **title}


def _document_source(file: FileBlock, profile: Profile) -> _Block:
    media_type = document_type(file)
    if media_type == PDF:
        return _base64(file.data, PDF)
    if not media_type.startswith("text/") and media_type not in _TEXT_TYPES:
        raise NotShownError(f"{profile.title} takes only PDFs and text")
    try:
        text = file.data.decode()
    except UnicodeDecodeError:
        raise NotShownError("it is no UTF-8 text") from None
    return {"type": "text", "media_type": "text/plain", "data": text}


def _base64(content: bytes, media_type: str) -> _Block:
    encoded = base64.b64encode(content).decode("ascii")
    return {"type": "base64", "media_type": media_type, "data": encoded}
