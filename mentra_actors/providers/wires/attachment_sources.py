"""Where the bytes of images and documents come from, and what a server is not shown.

An attachment is part of the history for good. So one that a server does not take is never refused:
a text stands in its place, and the model can say what it has not seen.
"""

import re
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import msgspec

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.domain.media_types import PDF, media_type_of
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.data_urls import data_url, image_of_url

__all__ = [
    "NotShownError",
    "absent_bytes",
    "as_image",
    "document_type",
    "image_type",
    "image_url",
    "own_file_id",
    "require_files",
    "require_images",
    "require_web",
    "shown",
]

_Part = TypeVar("_Part")
_Show: TypeAlias = Callable[[Attachment, Profile], _Part]

_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_DOCUMENT_TYPES = re.compile(
    r"text/.+"
    r"|application/(pdf|rtf|json|xml|yaml|x-yaml|toml|csv|javascript|typescript|sql|msword)"
    r"|application/x-(python|javascript|typescript|sh|sql|ndjson)"
    r"|application/vnd\.(openxmlformats-officedocument|oasis\.opendocument|ms-)[\w.+-]+"
)
"""What some server reads as a document; archives and programs are for none."""
_LONGEST_NAME = 200


class NotShownError(Exception):
    """An attachment that cannot be sent; the words say why, for the model to pass on."""


def shown(
    attachment: Attachment, profile: Profile, show: _Show[_Part], say: Callable[[str], _Part]
) -> _Part:
    """The part of an attachment, or what `say` makes of a text that stands in its place."""
    try:
        return show(_with_bytes(attachment), profile)
    except NotShownError as reason:
        named = _named(attachment)
        return say(f"[attached: {named}, which this model cannot be shown: {reason}]")


def _named(attachment: Attachment) -> str:
    """What a person would call it: its name or address, and its type."""
    is_file = isinstance(attachment, FileBlock)
    address = "" if attachment.url.startswith("data:") else attachment.url
    name = (attachment.name if isinstance(attachment, FileBlock) else "") or address
    words = " ".join((name or ("a file" if is_file else "an image")).split())[:_LONGEST_NAME]
    media_type = _bare_type(attachment)[:_LONGEST_NAME]
    return f"{words} ({media_type})" if media_type else words


def _with_bytes(attachment: Attachment) -> Attachment:
    """An attachment whose URL holds its bytes, with those bytes."""
    if attachment.data or not attachment.url.startswith("data:"):
        return attachment
    held = image_of_url(attachment.url)
    if not held.data:
        raise NotShownError("its URL holds no bytes in base64")
    media_type = attachment.media_type or held.media_type
    return msgspec.structs.replace(attachment, data=held.data, url="", media_type=media_type)


def _bare_type(attachment: Attachment) -> str:
    """The media type without its parameters; that of well-known bytes need not be said."""
    said = attachment.media_type.partition(";")[0].strip().lower()
    return said or media_type_of(attachment.data)


def require_images(profile: Profile) -> None:
    """Show no image where the server takes none.

    Raises:
        NotShownError: it takes none.
    """
    if not profile.capabilities.images:
        raise NotShownError(f"{profile.title} takes no images")


def require_files(profile: Profile) -> None:
    """Show no document where the server takes none.

    Raises:
        NotShownError: it takes none.
    """
    if not profile.capabilities.files:
        raise NotShownError(f"{profile.title} takes no files")


def require_web(url: str) -> str:
    """The URL, which must be one that a server can fetch.

    Raises:
        NotShownError: it is not.
    """
    if not url.lower().startswith(("https://", "http://")):
        raise NotShownError("its address is none of the web")
    return url


def image_type(image: Attachment, types: frozenset[str] = _IMAGE_TYPES) -> str:
    """The media type of an image with bytes, which must be one of `types`.

    Raises:
        NotShownError: it is none of them, or nobody knows.
    """
    media_type = _bare_type(image)
    media_type = "image/jpeg" if media_type == "image/jpg" else media_type
    if media_type not in types:
        raise NotShownError(f"its media type is none of {', '.join(sorted(types))}")
    return media_type


def document_type(file: FileBlock, more: tuple[str, ...] = ()) -> str:
    """The media type of a document with bytes; `more` are beginnings of types beside the usual.

    Raises:
        NotShownError: it is not for reading, or nobody knows.
    """
    media_type = _bare_type(file)
    if not _DOCUMENT_TYPES.fullmatch(media_type) and not (more and media_type.startswith(more)):
        raise NotShownError(f"its media type is none of a document, like {PDF} or text/plain")
    return media_type


def image_url(image: ImageBlock, profile: Profile) -> str:
    """The URL of an image, or one that holds its bytes.

    Raises:
        NotShownError: the server cannot take it, or its bytes are not here.
    """
    require_images(profile)
    if image.data:
        return data_url(image_type(image), image.data)
    if not image.url:
        raise absent_bytes(image.blob)
    if not profile.takes_image_urls:
        raise NotShownError(f"{profile.title} takes no URLs of images")
    return require_web(image.url)


def as_image(attachment: Attachment) -> Attachment:
    """A file that is an image as one; a file that a provider keeps, and all else, as it is."""
    if not isinstance(attachment, FileBlock) or attachment.file_id:
        return attachment
    if not _bare_type(attachment).startswith("image/"):
        return attachment
    return ImageBlock(
        media_type=attachment.media_type,
        data=attachment.data,
        url=attachment.url,
        blob=attachment.blob,
    )


def own_file_id(file: FileBlock, profile: Profile) -> str:
    """The id of a file that this provider keeps.

    Raises:
        NotShownError: another provider keeps it.
    """
    if file.provider not in ("", profile.name):
        raise NotShownError(f"it is kept by {file.provider}")
    return file.file_id


def absent_bytes(blob: BlobRef | None) -> NotShownError:
    """An attachment has no content that could be sent."""
    return NotShownError("its bytes were not read from the store" if blob else "it is empty")
