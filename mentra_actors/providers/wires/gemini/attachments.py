"""Images and files as parts of a content: their bytes, or the address where Google keeps them."""

import base64
import re
from collections.abc import Mapping
from typing import Any, assert_never

from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.errors import ProviderError
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.data_urls import image_of_url

__all__ = ["attachment_part", "inline_part", "is_result_part"]

_Part = dict[str, Any]

_READABLE_URL = re.compile(
    r"gs://.+"
    r"|https://generativelanguage\.googleapis\.com/.*\bfiles/.+"
    r"|https://((www|m)\.)?youtube\.com/.+"
    r"|https://youtu\.be/.+"
)
_BEGINNINGS: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"%PDF-": "application/pdf",
}
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
            _require(taken=profile.capabilities.images, kind="images", profile=profile)
            return _content_part(attachment, "image", profile)
        case FileBlock():
            _require(taken=profile.capabilities.files, kind="files", profile=profile)
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


def _require(*, taken: bool, kind: str, profile: Profile) -> None:
    if not taken:
        raise invalid_request(f"{profile.title} takes no {kind}: leave them out")


def _content_part(attachment: Attachment, kind: str, profile: Profile) -> _Part:
    if attachment.data:
        return inline_part(attachment.data, _media_type(attachment, kind, profile))
    if attachment.url:
        return _part_of_url(attachment, kind, profile)
    if attachment.blob:
        raise invalid_request(f"the bytes of the {kind} {attachment.blob.digest} were not read")
    raise invalid_request(f"the {kind} is empty: give it bytes")


def _media_type(attachment: Attachment, kind: str, profile: Profile) -> str:
    if attachment.media_type:
        return attachment.media_type
    for beginning, media_type in _BEGINNINGS.items():
        if attachment.data.startswith(beginning):
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
    if file.provider not in ("", profile.name):
        raise invalid_request(
            f"the file {file.file_id!r} is kept by {file.provider}: pass its bytes, or upload it "
            f"to {profile.title}"
        )
    if "://" in file.file_id:
        return file.file_id
    name = file.file_id.removeprefix("files/")
    return f"{profile.base_url.rstrip('/')}/{profile.version_path.strip('/')}/files/{name}"


def _address_part(uri: str, media_type: str) -> _Part:
    return {"fileData": {"fileUri": uri, **({"mimeType": media_type} if media_type else {})}}
