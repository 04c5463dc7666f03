"""Content of messages: the neutral form between the log and every provider's wire."""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.blob import BlobRef

__all__ = [
    "AssistantBlock",
    "AssistantMessage",
    "Attachment",
    "CallKind",
    "Citation",
    "FileBlock",
    "HostedToolBlock",
    "ImageBlock",
    "Message",
    "OpaqueBlock",
    "Provenance",
    "RefusalBlock",
    "TextBlock",
    "ThinkingBlock",
    "ToolCallBlock",
    "ToolResultBlock",
    "ToolResultsMessage",
    "UserMessage",
    "blobs_of",
    "text_of",
]


class Provenance(msgspec.Struct, gc=False, frozen=True):
    """Who produced a block that only its producer can read back."""

    provider: str
    model: str
    wire: str


class Citation(msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """A source that the model names for a text: a page, or a place in a document it was given.

    `start` and `end` are characters of the text of its block, from 0 and without the end, where
    the provider says them. `raw` is the provider's own JSON, sent back only to its producer.
    """

    kind: str
    title: str = ""
    url: str = ""
    quoted: str = ""
    start: int | None = None
    end: int | None = None
    raw: str = ""


class TextBlock(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="text"
):
    """Plain text. `item_id` and `phase` are the provider's, sent back unchanged where it asks.

    A `signature` vouches for the reasoning before it; with it, or with citations, `provenance`
    says who can read them back.
    """

    text: str
    item_id: str = ""
    phase: str = ""
    citations: tuple[Citation, ...] = ()
    signature: str = ""
    provenance: Provenance | None = None


class RefusalBlock(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="refusal"
):
    """The model's own words for declining."""

    text: str
    item_id: str = ""


class ThinkingBlock(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="thinking"
):
    """Reasoning. `parts` are its summaries in order; only its producer can read `encrypted`.

    `signature` vouches for the text to its producer. `is_redacted` marks reasoning of which only
    the encrypted form was given out. `is_raw` marks parts that are the reasoning itself and no
    summary of it, `format` the provider's word for the form of the signature.
    """

    parts: tuple[str, ...] = ()
    item_id: str = ""
    encrypted: str = ""
    provenance: Provenance | None = None
    signature: str = ""
    is_redacted: bool = False
    is_raw: bool = False
    format: str = ""


CallKind: TypeAlias = Literal["function", "custom", "tool_search"]


class ToolCallBlock(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="tool_call"
):
    """A call that the model asked for.

    `call_id` is the provider's and need not be unique between answers. `arguments` is the JSON
    text as the model wrote it (empty means `{}`); it may be malformed. Of a call with the kind
    `custom` it is a JSON object whose `input` is the free text of the model. A call of the kind
    `tool_search` asks for the definitions of tools. `signature` vouches for the reasoning before
    it, and `caller` is the provider's JSON for a program of its own that made the call;
    `provenance` then says who can read them back.
    """

    call_id: str
    name: str
    arguments: str = "{}"
    item_id: str = ""
    namespace: str = ""
    kind: CallKind = "function"
    signature: str = ""
    provenance: Provenance | None = None
    caller: str = ""


class OpaqueBlock(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="opaque"
):
    """A provider item that has no neutral form: raw JSON, sent back only to its producer."""

    item_type: str
    raw: str
    provenance: Provenance


class ImageBlock(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="image"
):
    """An image: its bytes (`data`), a `url`, or the name of bytes that the store has (`blob`).

    One of the three is set. `media_type` is that of the bytes, like `image/png`. `detail` says how
    closely to look (`low`, `high`, `auto`), where a provider takes that.
    """

    media_type: str = ""
    data: bytes = b""
    url: str = ""
    blob: BlobRef | None = None
    detail: str = ""


class FileBlock(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="file"
):
    """A document, like a PDF: bytes, a URL, a blob of the store, or a file that `provider` keeps.

    One of `data`, `url`, `blob` and `file_id` is set.
    """

    media_type: str = ""
    name: str = ""
    data: bytes = b""
    url: str = ""
    blob: BlobRef | None = None
    file_id: str = ""
    provider: str = ""


Attachment: TypeAlias = ImageBlock | FileBlock


class HostedToolBlock(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="hosted_tool"
):
    """Work that the provider did itself while it answered; nobody else has to run anything.

    `tool` is a neutral word: `tool_search`, `web_search`, `image_generation`, else the
    provider's. `query` is what was searched for, or the prompt of an image as it was revised;
    `action` the JSON text of what was done. `raw` is the provider's item, without the bytes of
    `images`, and goes back only to its producer.
    """

    tool: str
    raw: str
    provenance: Provenance
    call_id: str = ""
    status: str = ""
    query: str = ""
    action: str = ""
    images: tuple[ImageBlock, ...] = ()


AssistantBlock: TypeAlias = (
    TextBlock
    | RefusalBlock
    | ThinkingBlock
    | ToolCallBlock
    | OpaqueBlock
    | HostedToolBlock
    | ImageBlock
)


class ToolResultBlock(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="tool_result"
):
    """What the model is told of one call; `call_id` is that of the `ToolCallBlock`.

    `is_json` says that the content is the JSON text of data that the tool returned, all of it.
    `kind` is that of the call; the content of a `tool_search` is a JSON array of definitions of
    tools.
    """

    call_id: str
    name: str
    content: str
    is_error: bool = False
    is_json: bool = False
    attachments: tuple[Attachment, ...] = ()
    kind: CallKind = "function"


class UserMessage(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="user"
):
    """Words from outside: a prompt, mail, or a notice of the runtime (`source` says which)."""

    text: str
    source: str = "prompt"
    attachments: tuple[Attachment, ...] = ()


class AssistantMessage(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="assistant"
):
    """One answer of a model. `response_id` is the provider's, `provenance` says whose it is."""

    blocks: tuple[AssistantBlock, ...]
    provenance: Provenance | None = None
    response_id: str = ""


class ToolResultsMessage(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="tool_results"
):
    """Results of all calls of the answer before, in the order of the calls."""

    results: tuple[ToolResultBlock, ...]


Message: TypeAlias = UserMessage | AssistantMessage | ToolResultsMessage


def text_of(blocks: tuple[AssistantBlock, ...]) -> str:
    """The text (or, without any, the refusal) of an answer; parts are joined by a blank line.

    A signature cuts a text where it came, so a signed block and the text beside it are one.
    """
    joined, is_cut = "", False
    for block in blocks:
        if isinstance(block, TextBlock):
            goes_on = is_cut or block.signature or not joined or not block.text
            joined += block.text if goes_on else f"\n\n{block.text}"
        is_cut = isinstance(block, TextBlock) and bool(block.signature)
    if joined:
        return joined
    return "\n\n".join(block.text for block in blocks if isinstance(block, RefusalBlock))


def blobs_of(message: Message) -> list[BlobRef]:
    """The bytes beside the log that a message names: of its images and documents."""
    match message:
        case UserMessage(attachments=attachments):
            named = [one.blob for one in attachments]
        case ToolResultsMessage(results=results):
            named = [one.blob for result in results for one in result.attachments]
        case AssistantMessage(blocks=blocks):
            named = [one.blob for block in blocks for one in _images_of(block)]
    return [blob for blob in named if blob is not None]


def _images_of(block: AssistantBlock) -> tuple[ImageBlock, ...]:
    match block:
        case ImageBlock():
            return (block,)
        case HostedToolBlock(images=images):
            return images
        case _:
            return ()
