"""Images and documents as parts of a user message or of a tool's result."""

from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.attachment_sources import (
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


def attachment_part(attachment: Attachment, profile: Profile) -> _Part:
    """The part of one attachment, or a text in place of one that the server is not shown."""
    return shown(attachment, profile, _part, lambda words: {"type": "input_text", "text": words})


def _part(attachment: Attachment, profile: Profile) -> _Part:
    plain = as_image(attachment)
    return _image(plain, profile) if isinstance(plain, ImageBlock) else _file(plain, profile)


def _image(image: ImageBlock, profile: Profile) -> _Part:
    detail = image.detail or "auto"
    return {"type": "input_image", "image_url": image_url(image, profile), "detail": detail}


def _file(file: FileBlock, profile: Profile) -> _Part:
    require_files(profile)
    if file.file_id:
        is_image = file.media_type.startswith("image/")
        kind = {"type": "input_image", "detail": "auto"} if is_image else {"type": "input_file"}
        return {**kind, "file_id": own_file_id(file, profile)}
    if file.url and not file.data:
        return {"type": "input_file", "file_url": require_web(file.url)}
    if not file.data:
        raise absent_bytes(file.blob)
    content = data_url(document_type(file), file.data)
    return {"type": "input_file", "filename": file.name or "document", "file_data": content}
