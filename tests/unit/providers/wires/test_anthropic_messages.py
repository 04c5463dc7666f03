"""The conversation on the Messages wire: attachments, results, blocks of models."""

import base64
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
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
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import (
    ModelRequest,
)
from mentra_actors.providers.presets import ANTHROPIC
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES

sys.path.insert(0, str(Path(__file__).parent))
from anthropic_bodies import HELLO, MODEL, body_of

_OWN = ANTHROPIC.provenance(MODEL)
_OTHER = ANTHROPIC.provenance("claude-opus-4-5")


def _answer(*blocks: AssistantBlock, model: str = MODEL) -> list[dict[str, Any]]:
    items = ANTHROPIC_MESSAGES.items(AssistantMessage(blocks=blocks), model, ANTHROPIC)
    assert all(item["role"] == "assistant" for item in items)
    return [block for item in items for block in item["content"]]


def _user(*attachments: Attachment, text: str = "see") -> list[dict[str, Any]]:
    message = UserMessage(text=text, attachments=attachments)
    [item] = ANTHROPIC_MESSAGES.items(message, MODEL, ANTHROPIC)
    assert item["role"] == "user"
    return list(item["content"])


def _result(**fields: Any) -> dict[str, Any]:
    result = ToolResultBlock(**{"call_id": "c1", "name": "search", "content": "", **fields})
    message = ToolResultsMessage(results=(result,))
    [item] = ANTHROPIC_MESSAGES.items(message, MODEL, ANTHROPIC)
    return dict(item["content"][0])


def test_images_follow_the_text() -> None:
    """Bytes in base64, or an address."""
    picture = ImageBlock(media_type="image/png", data=b"png")
    address = ImageBlock(url="https://example.org/i.png")

    assert _user(picture, address) == [
        {"type": "text", "text": "see"},
        {
            "type": "image",
            "source": {
                "type": "base64",
                "media_type": "image/png",
                "data": base64.b64encode(b"png").decode(),
            },
        },
        {"type": "image", "source": {"type": "url", "url": "https://example.org/i.png"}},
    ]


@pytest.mark.parametrize(
    ("file", "block"),
    [
        (
            FileBlock(media_type="application/pdf", data=b"%PDF-1", name="a.pdf"),
            {
                "type": "document",
                "source": {
                    "type": "base64",
                    "media_type": "application/pdf",
                    "data": base64.b64encode(b"%PDF-1").decode(),
                },
                "title": "a.pdf",
            },
        ),
        (
            FileBlock(media_type="text/markdown; charset=utf-8", data="é".encode()),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "é"},
            },
        ),
        (
            FileBlock(url="https://example.org/a.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        ),
        (
            FileBlock(file_id="file_1", provider="anthropic"),
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
        (
            FileBlock(file_id="file_1", media_type="image/png"),
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        ),
    ],
)
def test_files(file: FileBlock, block: dict[str, Any]) -> None:
    """PDFs and texts are documents; what the server keeps goes by its id."""
    assert _user(file, text="") == [block]


@pytest.mark.parametrize(
    ("attachment", "words"),
    [
        (ImageBlock(media_type="image/tiff", data=b"x"), "an image (image/tiff)"),
        (ImageBlock(data=b"x"), "an image"),
        (ImageBlock(blob=BlobRef(digest="b3:1", size_bytes=9)), "not read from the store"),
        (ImageBlock(), "is empty"),
        (ImageBlock(url="file:///etc/passwd"), "none of the web"),
        (FileBlock(media_type="application/zip", data=b"x", name="a.zip"), "a.zip"),
        (FileBlock(media_type="text/plain", data=b"\xff", name="a.txt"), "UTF-8"),
        (FileBlock(media_type="text/plain", url="https://a.test/a.txt"), "only PDFs"),
        (FileBlock(media_type="application/msword", data=b"x"), "only PDFs and text"),
        (FileBlock(file_id="f", provider="openai"), "kept by openai"),
        (FileBlock(blob=BlobRef(digest="b3:2", size_bytes=9)), "not read from the store"),
    ],
)
def test_a_text_stands_for_what_cannot_be_sent(attachment: Attachment, words: str) -> None:
    """It is part of the history for good: a refusal would make the agent unusable."""
    [block] = _user(attachment, text="")

    assert block["type"] == "text"
    assert block["text"].startswith("[attached: ")
    assert words in block["text"]


def test_a_data_url_is_bytes() -> None:
    """The server fetches addresses of the web and no others."""
    url = "data:image/png;base64," + base64.b64encode(b"png").decode()

    [block] = _user(ImageBlock(url=url), text="")

    assert block["source"] == {"type": "base64", "media_type": "image/png", "data": "cG5n"}


def test_a_file_that_the_server_keeps_asks_for_that_feature() -> None:
    """The header that switches it on; nothing else needs one."""
    keeps = UserMessage(text="", attachments=(FileBlock(file_id="f"),))
    for messages, headers in (
        ((keeps,), {"anthropic-beta": "files-api-2025-04-14"}),
        ((UserMessage(text="", attachments=(FileBlock(data=b"x"),)),), {}),
        (HELLO, {}),
    ):
        request = ModelRequest(model=MODEL, messages=messages)
        assert ANTHROPIC_MESSAGES.headers(request, ANTHROPIC) == headers


def test_results_of_tools() -> None:
    """All of one answer in one message of the user; an error says so, and says something."""
    assert _result(content="ok") == {
        "type": "tool_result",
        "tool_use_id": "c1",
        "content": "ok",
    }
    assert _result(content="no", is_error=True)["is_error"] is True
    assert _result(is_error=True)["content"] == "the tool failed and said nothing"
    assert "content" not in _result()


def test_a_result_with_an_image() -> None:
    """Its text first, as blocks."""
    image = ImageBlock(url="https://example.org/i.png")

    content = _result(content="here", attachments=(image,))["content"]

    assert [block["type"] for block in content] == ["text", "image"]


def test_ids_of_other_providers_are_spelled_in_letters_that_are_taken() -> None:
    """The same way in the call and in its result, or they would not meet."""
    call = ToolCallBlock(call_id="call|fc:1", name="search")
    [asked] = _answer(call)

    assert asked["id"] == _result(call_id="call|fc:1")["tool_use_id"]
    assert re.fullmatch("call_fc_1_[0-9a-f]{8}", asked["id"])


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [('{"a":1}', {"a": 1}), ("", {}), ("{", {}), ("[1]", {}), ("null", {})],
)
def test_the_input_of_a_call_is_an_object(arguments: str, sent: dict[str, Any]) -> None:
    """Whatever the model wrote; it learns from the result what was wrong."""
    call = ToolCallBlock(call_id="c", name="search", arguments=arguments)
    assert _answer(call) == [{"type": "tool_use", "id": "c", "name": "search", "input": sent}]


def test_signed_reasoning_goes_back_as_it_came() -> None:
    """Before the call that it led to; without words, too, if only the signature came."""
    blocks = _answer(
        ThinkingBlock(parts=("hm",), signature="s", provenance=_OWN),
        ThinkingBlock(signature="t", provenance=_OWN),
        ThinkingBlock(is_redacted=True, encrypted="e", provenance=_OWN),
        ToolCallBlock(call_id="c", name="search"),
    )

    assert blocks[:3] == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "thinking", "thinking": "", "signature": "t"},
        {"type": "redacted_thinking", "data": "e"},
    ]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (ThinkingBlock(parts=("hm", "ah"), signature="s", provenance=_OTHER), "hm\n\nah"),
        (ThinkingBlock(parts=("hm",), signature="", provenance=_OWN), "hm"),
        (ThinkingBlock(parts=("hm",), signature="s"), "hm"),
        (
            ThinkingBlock(is_redacted=True, encrypted="e", provenance=_OTHER),
            "[redacted reasoning]",
        ),
        (ThinkingBlock(signature="s", provenance=_OTHER), "[reasoning unavailable]"),
    ],
)
def test_reasoning_of_others_goes_back_as_text(block: ThinkingBlock, text: str) -> None:
    """A signature that the server cannot read would end the conversation with 400 for good."""
    assert _answer(block) == [{"type": "text", "text": text}]


def test_reasoning_at_the_end_is_left_out() -> None:
    """An answer may not end with it; one that was nothing else is left out as a whole."""
    thinking = ThinkingBlock(parts=("hm",), signature="s", provenance=_OWN)
    assert _answer(TextBlock(text="a"), thinking) == [{"type": "text", "text": "a"}]
    assert _answer(thinking) == []


def test_what_only_its_producer_can_read_goes_back_only_to_it() -> None:
    """The server's tools and their results verbatim, and the raw form of citations."""
    call = '{"type":"server_tool_use","id":"s1","name":"web_search","input":{"query":"q"}}'
    result = '{"type":"web_search_tool_result","tool_use_id":"s1","content":[{"x":"enc"}]}'
    blocks = (
        HostedToolBlock(tool="web_search", raw=call, provenance=_OWN),
        OpaqueBlock(item_type="web_search_tool_result", raw=result, provenance=_OWN),
        TextBlock(
            text="cited",
            citations=(Citation(kind="web", raw='{"type":"web"}'),),
            provenance=_OWN,
        ),
    )

    assert _answer(*blocks) == [
        msgspec.json.decode(call),
        msgspec.json.decode(result),
        {"type": "text", "text": "cited", "citations": [{"type": "web"}]},
    ]
    assert _answer(*blocks, model="claude-opus-4-5") == [{"type": "text", "text": "cited"}]


def test_a_hosted_call_that_was_cut_off_stays_at_home() -> None:
    """It has no result and never will have one; the server would refuse it."""
    block = HostedToolBlock(tool="web_search", raw="{}", provenance=_OWN, status="cut_off")
    assert _answer(block) == []


def test_refusals_and_images_of_others_are_told_in_words() -> None:
    """The model should know what was said before, in the form that it can be given."""
    blocks = _answer(RefusalBlock(text="no"), ImageBlock(media_type="image/png", data=b"x"))
    assert [block["text"] for block in blocks] == ["no", "[image]"]


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_texts_without_words_are_left_out(text: str) -> None:
    """The server refuses them; a message that has nothing else is left out as a whole."""
    call = ToolCallBlock(call_id="c", name="search")
    assert [block["type"] for block in _answer(TextBlock(text=text), call)] == ["tool_use"]
    assert _answer(TextBlock(text=text)) == []
    assert body_of(messages=(UserMessage(text=text), *HELLO))["messages"] == body_of()["messages"]
    assert "system" not in body_of(system=text)


def test_a_program_of_the_server_goes_on_where_it_waits() -> None:
    """A call that a program made goes back with its caller, and the request to its container."""
    caller = '{"type":"code_execution_20260120","tool_id":"s1"}'
    answer = AssistantMessage(
        blocks=(
            ToolCallBlock(call_id="c", name="search", caller=caller, provenance=_OWN),
            OpaqueBlock(item_type="container", raw='{"id":"box"}', provenance=_OWN),
        )
    )
    results = ToolResultsMessage(
        results=(ToolResultBlock(call_id="c", name="search", content="1"),)
    )

    body = body_of(messages=(*HELLO, answer, results))
    elsewhere = body_of(messages=(*HELLO, answer, results), model="claude-opus-4-5")

    assert body["container"] == "box"
    [call] = body["messages"][1]["content"]
    assert call["caller"] == msgspec.json.decode(caller)
    assert "container" not in elsewhere
    assert "caller" not in elsewhere["messages"][1]["content"][0]
