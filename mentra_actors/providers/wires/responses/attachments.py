"""Images and documents as parts of a user message or of a tool's result."""

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
    detail = image.detail or "auto"
    return {"type": "input_image", "image_url": image_url(image, profile), "detail": detail}


def _file(file: FileBlock, profile: Profile) -> _Part:
    if not profile.capabilities.files:
        raise invalid_request(f"{profile.title} takes no files: leave them out, or send text")
    if file.file_id:
        is_image = file.media_type.startswith("image/")
        kind = {"type": "input_image", "detail": "auto"} if is_image else {"type": "input_file"}
        return {**kind, "file_id": own_file_id(file, profile)}
    if file.url and not file.data:
        return {"type": "input_file", "file_url": file.url}
    if not file.data:
        raise absent_bytes("file", file.blob)
    content = data_url(file.media_type or _PDF, file.data)
    return {"type": "input_file", "filename": file.name or "document", "file_data": content}
