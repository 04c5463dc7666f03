"""Images and documents as parts of a user message."""

import base64
from typing import Any, assert_never

from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.attachment_sources import (
    absent_bytes,
    image_of_file,
    image_url,
    own_file_id,
)
from mentra_actors.providers.wires.data_urls import data_url

__all__ = ["attachment_part"]

_Part = dict[str, Any]

_PDF = "application/pdf"


def attachment_part(attachment: Attachment, profile: Profile) -> _Part:
    """The part of one attachment.

    Raises:
        ProviderError: `invalid_request`: the server cannot take it, or its bytes are not here.
    """
    match attachment:
        case ImageBlock():
            return _image(attachment, profile)
        case FileBlock() if (image := image_of_file(attachment)) is not None:
            return _image(image, profile)
        case FileBlock():
            return _file(attachment, profile)
        case _:
            assert_never(attachment)


def _image(image: ImageBlock, profile: Profile) -> _Part:
    detail = {"detail": image.detail} if image.detail else {}
    return {"type": "image_url", "image_url": {"url": image_url(image, profile), **detail}}


def _file(file: FileBlock, profile: Profile) -> _Part:
    if not profile.capabilities.files:
        raise invalid_request(f"{profile.title} takes no files: leave them out, or send text")
    if file.file_id:
        return {"type": "file", "file": {"file_id": own_file_id(file, profile)}}
    if not file.data and not file.url:
        raise absent_bytes("file", file.blob)
    if file.data and file.media_type.startswith("audio/"):
        return _audio(file)
    name = file.name or "document"
    content = data_url(file.media_type or _PDF, file.data) if file.data else file.url
    return {"type": "file", "file": {"filename": name, "file_data": content}}


def _audio(file: FileBlock) -> _Part:
    """Sound, which has a part of its own; `audio/x-wav` is the format `wav`."""
    word = file.media_type.partition("/")[2].partition(";")[0].removeprefix("x-")
    sound = base64.b64encode(file.data).decode("ascii")
    sound_format = "mp3" if word == "mpeg" else word
    return {"type": "input_audio", "input_audio": {"data": sound, "format": sound_format}}
