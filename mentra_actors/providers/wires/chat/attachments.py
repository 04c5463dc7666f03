"""Images and documents as parts of a user message."""

import base64
from typing import Any, assert_never

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.errors import ProviderError
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
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
        case FileBlock() if attachment.media_type.startswith("image/") and not attachment.file_id:
            image = ImageBlock(
                media_type=attachment.media_type,
                data=attachment.data,
                url=attachment.url,
                blob=attachment.blob,
            )
            return _image(image, profile)
        case FileBlock():
            return _file(attachment, profile)
        case _:
            assert_never(attachment)


def _image(image: ImageBlock, profile: Profile) -> _Part:
    if not profile.capabilities.images:
        raise invalid_request(f"{profile.title} takes no images: leave them out")
    detail = {"detail": image.detail} if image.detail else {}
    return {"type": "image_url", "image_url": {"url": _image_url(image, profile), **detail}}


def _image_url(image: ImageBlock, profile: Profile) -> str:
    if image.data:
        if not image.media_type.startswith("image/"):
            raise invalid_request(
                f"an image has the media type {image.media_type!r}: give its own, like image/png"
            )
        return data_url(image.media_type, image.data)
    if not image.url:
        raise _absent("image", image.blob)
    if not profile.takes_image_urls and not image.url.startswith("data:"):
        raise invalid_request(f"{profile.title} takes no URLs of images: send the bytes")
    return image.url


def _file(file: FileBlock, profile: Profile) -> _Part:
    if not profile.capabilities.files:
        raise invalid_request(f"{profile.title} takes no files: leave them out, or send text")
    if file.file_id:
        return {"type": "file", "file": {"file_id": _own_file_id(file, profile)}}
    if not file.data and not file.url:
        raise _absent("file", file.blob)
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


def _own_file_id(file: FileBlock, profile: Profile) -> str:
    if file.provider not in ("", profile.name):
        raise invalid_request(
            f"the file {file.file_id!r} is kept by {file.provider}: send its bytes, or upload it "
            f"to {profile.title}"
        )
    return file.file_id


def _absent(kind: str, blob: BlobRef | None) -> ProviderError:
    if blob:
        return invalid_request(
            f"the bytes of the {kind} {blob.digest} were not read from the store"
        )
    return invalid_request(f"the {kind} is empty: give it bytes or a URL")
