"""Images and files as parts of a content: their bytes, or the address where Google keeps them."""

import base64
import re

from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
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

__all__ = ["attachment_part", "inline_part", "is_result_part"]

_Part = JsonObject

_IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
_READABLE_URL = re.compile(
    r"gs://.+"
    r"|https://generativelanguage\.googleapis\.com/.*\bfiles/.+"
    r"|https://((www|m)\.)?youtube\.com/.+"
    r"|https://youtu\.be/.+"
)
_RESULT_TYPES = frozenset(
    {"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"}
)


def attachment_part(attachment: Attachment, profile: Profile) -> _Part:
    """The part of one attachment, or a text in place of one that the server is not shown."""
    return shown(attachment, profile, _part, lambda words: {"text": words})


def _part(attachment: Attachment, profile: Profile) -> _Part:
    plain = as_image(attachment)
    if isinstance(plain, FileBlock):
        require_files(profile)
        if plain.file_id:
            return _address_part(_own_address(plain, profile), plain.media_type)
    else:
        require_images(profile)
    if plain.data:
        return inline_part(plain.data, _media_type(plain))
    if plain.url:
        return _part_of_url(plain, profile)
    raise absent_bytes(plain.blob)


def is_result_part(part: _Part) -> bool:
    """Whether a part may stand within the result of a function."""
    return part.get("inlineData", {}).get("mimeType") in _RESULT_TYPES


def inline_part(data: bytes, media_type: str) -> _Part:
    """Bytes as a part."""
    return {"inlineData": {"mimeType": media_type, "data": base64.b64encode(data).decode("ascii")}}


def _media_type(attachment: Attachment) -> str:
    if isinstance(attachment, ImageBlock):
        return image_type(attachment, _IMAGE_TYPES)
    return document_type(attachment, ("audio/", "video/"))


def _part_of_url(attachment: Attachment, profile: Profile) -> _Part:
    if _READABLE_URL.fullmatch(attachment.url):
        return _address_part(attachment.url, attachment.media_type)
    if profile.takes_image_urls:
        return _address_part(require_web(attachment.url), attachment.media_type)
    raise NotShownError(
        f"{profile.title} reads no addresses but those of uploaded files, of gs:// and of YouTube"
    )


def _own_address(file: FileBlock, profile: Profile) -> str:
    """The URI of an uploaded file, whose id is that URI or like `files/abc`."""
    file_id = own_file_id(file, profile)
    if "://" in file_id:
        return file_id
    name = file_id.removeprefix("files/")
    return f"{profile.base_url.rstrip('/')}/{profile.version_path.strip('/')}/files/{name}"


def _address_part(uri: str, media_type: str) -> _Part:
    return {"fileData": {"fileUri": uri, **({"mimeType": media_type} if media_type else {})}}
