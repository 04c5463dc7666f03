"""Where the bytes of images and documents come from, and what a server does not take."""

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.errors import ProviderError
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.data_urls import data_url

__all__ = [
    "absent_bytes",
    "as_image",
    "image_url",
    "own_file_id",
    "require_files",
    "require_images",
]


def require_images(profile: Profile) -> None:
    """Refuse an image where the server takes none."""
    if not profile.capabilities.images:
        raise invalid_request(f"{profile.title} takes no images: leave them out")


def require_files(profile: Profile) -> None:
    """Refuse a document where the server takes none."""
    if not profile.capabilities.files:
        raise invalid_request(f"{profile.title} takes no files: leave them out, or send text")


def image_url(image: ImageBlock, profile: Profile) -> str:
    """The URL of an image, or one that holds its bytes.

    Raises:
        ProviderError: `invalid_request`: the server cannot take it, or its bytes are not here.
    """
    require_images(profile)
    if image.data:
        if not image.media_type.startswith("image/"):
            raise invalid_request(
                f"an image has the media type {image.media_type!r}: give its own, like image/png"
            )
        return data_url(image.media_type, image.data)
    if not image.url:
        raise absent_bytes("image", image.blob)
    if not profile.takes_image_urls and not image.url.startswith("data:"):
        raise invalid_request(f"{profile.title} takes no URLs of images: send the bytes")
    return image.url


def as_image(attachment: Attachment) -> Attachment:
    """A file that is an image as one; a file that a provider keeps, and all else, as it is."""
    if not isinstance(attachment, FileBlock) or attachment.file_id:
        return attachment
    if not attachment.media_type.startswith("image/"):
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
        ProviderError: `invalid_request`: another provider keeps it.
    """
    if file.provider not in ("", profile.name):
        raise invalid_request(
            f"the file {file.file_id!r} is kept by {file.provider}: send its bytes, or upload it "
            f"to {profile.title}"
        )
    return file.file_id


def absent_bytes(kind: str, blob: BlobRef | None) -> ProviderError:
    """An attachment (`kind` says what it is) has no content that could be sent."""
    if blob:
        return invalid_request(
            f"the bytes of the {kind} {blob.digest} were not read from the store"
        )
    return invalid_request(f"the {kind} is empty: give it bytes or a URL")
