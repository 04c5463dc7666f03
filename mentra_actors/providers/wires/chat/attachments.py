"""Images and documents as parts of a user message."""

import base64

from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.attachment_sources import (
    NotShownError,
    absent_bytes,
    as_image,
    document_type,
    image_url,
    own_file_id,
    require_files,
    require_web,
    shown,
)
from mentra_actors.providers.wires.data_urls import data_url

__all__ = ["attachment_part"]

_Part = JsonObject

_SOUNDS = frozenset({"wav", "mp3", "aac", "aiff", "flac", "m4a", "ogg", "opus"})


def attachment_part(attachment: Attachment, profile: Profile) -> _Part:
    """The part of one attachment, or a text in place of one that the server is not shown."""
    return shown(attachment, profile, _part, lambda words: {"type": "text", "text": words})


def _part(attachment: Attachment, profile: Profile) -> _Part:
    plain = as_image(attachment)
    return _image(plain, profile) if isinstance(plain, ImageBlock) else _file(plain, profile)


def _image(image: ImageBlock, profile: Profile) -> _Part:
    detail = {"detail": image.detail} if image.detail else {}
    return {"type": "image_url", "image_url": {"url": image_url(image, profile), **detail}}


def _file(file: FileBlock, profile: Profile) -> _Part:
    require_files(profile)
    if file.file_id:
        return {"type": "file", "file": {"file_id": own_file_id(file, profile)}}
    if not file.data and not file.url:
        raise absent_bytes(file.blob)
    if file.data and file.media_type.startswith("audio/"):
        return _audio(file)
    name = file.name or "document"
    is_here = bool(file.data)
    content = data_url(document_type(file), file.data) if is_here else require_web(file.url)
    return {"type": "file", "file": {"filename": name, "file_data": content}}


def _audio(file: FileBlock) -> _Part:
    """Sound, which has a part of its own; `audio/x-wav` is the format `wav`."""
    word = file.media_type.partition("/")[2].partition(";")[0].strip().removeprefix("x-")
    sound = base64.b64encode(file.data).decode("ascii")
    sound_format = "mp3" if word == "mpeg" else word
    if sound_format not in _SOUNDS:
        raise NotShownError(f"its sound is none of {', '.join(sorted(_SOUNDS))}")
    return {"type": "input_audio", "input_audio": {"data": sound, "format": sound_format}}
