"""Images and files as parts of a content: their bytes, or the address where Google keeps them."""

import base64
import re
from typing import Any, assert_never

from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.domain.media_types import media_type_of
from mentra_actors.errors import ProviderError
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.attachment_sources import (
    absent_bytes,
    own_file_id,
    require_files,
    require_images,
)
from mentra_actors.providers.wires.data_urls import image_of_url

__all__ = ["attachment_part", "inline_part", "is_result_part"]

_Part = dict[str, Any]

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
    """The part of one image or file.

    Raises:
        ProviderError: `invalid_request`: the server cannot take it, or its bytes are not here.
    """
    match attachment:
        case ImageBlock():
            require_images(profile)
            return _content_part(attachment, "image", profile)
        case FileBlock():
            require_files(profile)
            if attachment.file_id:
                return _address_part(_own_address(attachment, profile), attachment.media_type)
            return _content_part(attachment, "file", profile)
        case _:
            assert_never(attachment)


def is_result_part(part: _Part) -> bool:
    """Whether a part may stand within the result of a function."""
    return part.get("inlineData", {}).get("mimeType") in _RESULT_TYPES


def inline_part(data: bytes, media_type: str) -> _Part:
    """Bytes as a part."""
    return {"inlineData": {"mimeType": media_type, "data": base64.b64encode(data).decode("ascii")}}


def _content_part(attachment: Attachment, kind: str, profile: Profile) -> _Part:
    if attachment.data:
        return inline_part(attachment.data, _media_type(attachment, kind, profile))
    if attachment.url:
        return _part_of_url(attachment, kind, profile)
    raise absent_bytes(kind, attachment.blob)


def _media_type(attachment: Attachment, kind: str, profile: Profile) -> str:
    media_type = attachment.media_type or media_type_of(attachment.data)
    if media_type:
        return media_type
    raise invalid_request(f"{profile.title} must be told the media type of the {kind}: set it")


def _part_of_url(attachment: Attachment, kind: str, profile: Profile) -> _Part:
    held = image_of_url(attachment.url)
    if held.data:
        return inline_part(held.data, held.media_type or _media_type(attachment, kind, profile))
    if profile.takes_image_urls or _READABLE_URL.fullmatch(attachment.url):
        return _address_part(attachment.url, attachment.media_type)
    raise _unreadable(attachment.url, kind, profile)


def _unreadable(url: str, kind: str, profile: Profile) -> ProviderError:
    return invalid_request(
        f"{profile.title} does not read the {kind} at {url[:200]!r}: pass the bytes, or the URL "
        "of an uploaded file, of gs:// or of YouTube"
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
