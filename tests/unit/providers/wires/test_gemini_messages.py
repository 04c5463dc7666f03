"""The conversation in requests to Gemini: attachments, signed parts, results."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    Attachment,
    Citation,
    FileBlock,
    HostedToolBlock,
    ImageBlock,
    OpaqueBlock,
    Provenance,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.providers.presets import GEMINI
from mentra_actors.providers.wires.gemini_wire import GEMINI_GENERATE_CONTENT

sys.path.insert(0, str(Path(__file__).parent))
from gemini_bodies import MODEL, OLD, body_of

_OWN = GEMINI.provenance(MODEL)
_OTHER = Provenance(provider="openai", model="gpt-5.5", wire="openai_responses")
_DUMMY = "skip_thought_signature_validator"
_PNG = b"\x89PNG\r\n\x1a\nrest"
_INLINE_PNG = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgpyZXN0"}}


def _parts(*blocks: AssistantBlock, model: str = MODEL) -> list[dict[str, Any]]:
    message = AssistantMessage(blocks=blocks)
    contents = GEMINI_GENERATE_CONTENT.items(message, model, GEMINI)
    assert [content["role"] for content in contents] in (["model"], [])
    return [part for content in contents for part in content["parts"]]


def _said(*attachments: Attachment, text: str = "look") -> list[dict[str, Any]]:
    message = UserMessage(text=text, attachments=attachments)
    [content] = GEMINI_GENERATE_CONTENT.items(message, MODEL, GEMINI)
    return list(content["parts"])


def _answered(result: ToolResultBlock, model: str = MODEL) -> list[dict[str, Any]]:
    message = ToolResultsMessage(results=(result,))
    [content] = GEMINI_GENERATE_CONTENT.items(message, model, GEMINI)
    assert content["role"] == "user"
    return list(content["parts"])


def test_bytes_go_out_after_the_words() -> None:
    """Images and files travel in the request itself."""
    pdf = FileBlock(media_type="application/pdf", data=b"%PDF-1.7")

    assert _said(ImageBlock(media_type="image/png", data=_PNG), pdf) == [
        {"text": "look"},
        _INLINE_PNG,
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjc="}},
    ]


def test_the_type_of_well_known_bytes_is_seen() -> None:
    """Nobody should have to say that a PNG is one."""
    assert _said(ImageBlock(data=_PNG), text="") == [_INLINE_PNG]


@pytest.mark.parametrize(
    "url",
    [
        "gs://bucket/a.png",
        "https://generativelanguage.googleapis.com/v1beta/files/abc",
        "https://www.youtube.com/watch?v=9hE5-98ZeCg",
        "https://youtu.be/9hE5-98ZeCg",
    ],
)
def test_addresses_that_google_reads_are_sent(url: str) -> None:
    """A film or an uploaded file needs no copy."""
    file = FileBlock(url=url, media_type="video/mp4")

    assert _said(file, text="") == [{"fileData": {"fileUri": url, "mimeType": "video/mp4"}}]


def test_a_data_url_is_bytes() -> None:
    """It is no address at all."""
    url = f"data:image/png;base64,{_INLINE_PNG['inlineData']['data']}"

    assert _said(ImageBlock(url=url), text="") == [_INLINE_PNG]


@pytest.mark.parametrize("file_id", ["files/abc", "abc"])
def test_an_uploaded_file_is_sent_by_its_address(file_id: str) -> None:
    """The server wants the whole URI, and people keep the short id."""
    uri = "https://generativelanguage.googleapis.com/v1beta/files/abc"

    assert _said(FileBlock(file_id=file_id, provider="gemini"), text="") == [
        {"fileData": {"fileUri": uri}}
    ]
    assert _said(FileBlock(file_id=uri), text="") == [{"fileData": {"fileUri": uri}}]


@pytest.mark.parametrize(
    ("attachment", "words"),
    [
        (ImageBlock(url="https://example.com/cat.png"), "https://example.com/cat.png"),
        (ImageBlock(url="https://example.com/?u=https://youtu.be/x"), "of YouTube"),
        (FileBlock(url="http://youtube.com.evil.example/x"), "of YouTube"),
        (FileBlock(file_id="file-1", provider="openai"), "kept by openai"),
        (FileBlock(data=b"who knows"), "media type"),
        (FileBlock(data=b"PK", media_type="application/zip", name="a.zip"), "a.zip"),
        (ImageBlock(data=b"GIF89a"), "(image/gif)"),
        (ImageBlock(blob=BlobRef(digest="sha256:00", size_bytes=9)), "not read"),
        (ImageBlock(), "is empty"),
        (ImageBlock(url="data:image/png;base64,???"), "no bytes"),
    ],
)
def test_a_text_stands_for_what_google_cannot_read(attachment: Attachment, words: str) -> None:
    """It is part of the history for good: a refusal would make the agent unusable."""
    [part] = _said(attachment, text="")

    assert part["text"].startswith("[attached: ")
    assert words in part["text"]


def test_nothing_is_sent_of_a_message_that_says_nothing() -> None:
    """A content without parts is a 400 for the whole conversation."""
    empty = AssistantMessage(blocks=(TextBlock(text=""),))

    body = body_of(messages=[UserMessage(text="hi"), empty, UserMessage(text="")])

    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


def test_what_this_model_signed_goes_back_signed() -> None:
    """Thoughts, texts (even empty ones) and calls keep their signature, part by part."""
    parts = _parts(
        ThinkingBlock(parts=("hm",), signature="s0", provenance=_OWN),
        TextBlock(text="I look.", signature="s1", provenance=_OWN),
        TextBlock(text="And see."),
        ToolCallBlock(call_id="a", name="f", signature="s2", provenance=_OWN),
        ToolCallBlock(call_id="b", name="f"),
        TextBlock(text="", signature="s3", provenance=_OWN),
    )

    assert parts == [
        {"text": "hm", "thought": True, "thoughtSignature": "s0"},
        {"text": "I look.", "thoughtSignature": "s1"},
        {"text": "And see."},
        {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "s2"},
        {"functionCall": {"id": "b", "name": "f", "args": {}}},
        {"text": "", "thoughtSignature": "s3"},
    ]


@pytest.mark.parametrize("provenance", [_OTHER, GEMINI.provenance("gemini-3-pro-preview"), None])
def test_what_others_signed_goes_out_plain(provenance: Provenance | None) -> None:
    """A signature of somebody else is a 400; the words are still worth telling."""
    parts = _parts(
        ThinkingBlock(parts=("hm", "so"), signature="s0", provenance=provenance),
        ThinkingBlock(encrypted="x", is_redacted=True, provenance=provenance),
        ThinkingBlock(encrypted="x", provenance=provenance),
        TextBlock(text="I look.", signature="s1", provenance=provenance),
        TextBlock(text="", signature="s3", provenance=provenance),
        RefusalBlock(text="I will not."),
        ToolCallBlock(call_id="a", name="f", signature="s2", provenance=provenance),
        ToolCallBlock(call_id="b", name="f", signature="s4", provenance=provenance),
    )

    assert parts == [
        {"text": "hm\n\nso"},
        {"text": "[redacted reasoning]"},
        {"text": "[reasoning unavailable]"},
        {"text": "I look."},
        {"text": "I will not."},
        {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": _DUMMY},
        {"functionCall": {"id": "b", "name": "f", "args": {}}},
    ]


@pytest.mark.parametrize(
    ("model", "is_needed"),
    [
        ("gemini-3-pro-preview", True),
        ("models/gemini-3.1-pro-preview", True),
        ("gemini-4-flash", True),
        ("gemini-flash-latest", True),
        ("gemini-2.5-pro", False),
        ("gemini-1.5-flash", False),
        ("gemma-3-27b-it", False),
        ("tunedModels/mine", False),
    ],
)
def test_only_models_that_ask_for_signatures_get_a_stand_in(
    model: str, *, is_needed: bool
) -> None:
    """Gemini 3 answers 400 to a call without one; older models know no such word."""
    [part] = _parts(ToolCallBlock(call_id="a", name="f"), model=model)

    assert ("thoughtSignature" in part) is is_needed


@pytest.mark.parametrize("arguments", ["", "nope", "[1]", "null"])
def test_arguments_are_an_object_at_any_rate(arguments: str) -> None:
    """One bad call must not make the whole history unusable."""
    [part] = _parts(ToolCallBlock(call_id="a", name="f", arguments=arguments))

    assert part["functionCall"]["args"] == {}


def test_raw_parts_go_back_only_to_their_producer() -> None:
    """To others they mean nothing, or something else."""
    code = {"executableCode": {"code": "1"}, "thought": True, "thoughtSignature": "s"}
    grounding = {"groundingMetadata": {"webSearchQueries": ["x"]}}

    def blocks(provenance: Provenance) -> list[AssistantBlock]:
        return [
            OpaqueBlock(item_type="executableCode", raw=json.dumps(code), provenance=provenance),
            HostedToolBlock(tool="web_search", raw=json.dumps(grounding), provenance=provenance),
        ]

    assert _parts(*blocks(_OWN)) == [code]
    assert _parts(*blocks(_OTHER)) == []


def test_a_signed_image_goes_back_with_its_bytes() -> None:
    """The log keeps the bytes apart from the part; the model must see both again."""
    raw = {"inlineData": {"mimeType": "image/png"}, "thoughtSignature": "s"}
    image = ImageBlock(media_type="image/png", data=_PNG)
    block = HostedToolBlock(
        tool="image_generation", raw=json.dumps(raw), provenance=_OWN, images=(image,)
    )

    assert _parts(block) == [{**_INLINE_PNG, "thoughtSignature": "s"}]
    assert _parts(image) == [_INLINE_PNG]


def test_an_image_that_is_elsewhere_is_named() -> None:
    """What another model drew must not stop the conversation."""
    assert _parts(ImageBlock(url="https://example.com/cat.png")) == [
        {"text": "[image at https://example.com/cat.png]"}
    ]


def test_citations_stay_at_home() -> None:
    """The server takes none."""
    cited = TextBlock(text="so", citations=(Citation(kind="web"),), provenance=_OWN)

    assert _parts(cited) == [{"text": "so"}]


@pytest.mark.parametrize(
    ("fields", "response"),
    [
        ({"content": "no"}, {"output": "no"}),
        ({"content": "no", "is_error": True}, {"error": "no"}),
        ({"content": '{"t":[1]}', "is_json": True}, {"output": {"t": [1]}}),
        ({"content": "{", "is_json": True}, {"output": "{"}),
    ],
)
def test_results_say_whether_they_are_errors(
    fields: dict[str, Any], response: dict[str, Any]
) -> None:
    """The server reads `output` and `error`; data stays data."""
    [part] = _answered(ToolResultBlock(call_id="c", name="f", **fields))

    assert part == {"functionResponse": {"id": "c", "name": "f", "response": response}}


def test_images_of_results_stand_where_the_model_takes_them() -> None:
    """Gemini 3 takes them within the result; to others they are said right after."""
    image = ImageBlock(media_type="image/png", data=_PNG)
    odd = FileBlock(media_type="audio/wav", data=b"RIFF")
    result = ToolResultBlock(call_id="c", name="shot", content="ok", attachments=(image, odd))

    new, old = _answered(result), _answered(result, OLD)

    assert new[0]["functionResponse"]["parts"] == [_INLINE_PNG]
    assert [next(iter(part)) for part in new] == ["functionResponse", "text", "inlineData"]
    assert "parts" not in old[0]["functionResponse"]
    assert old[1:3] == [{"text": "Attached to the result of shot:"}, _INLINE_PNG]
