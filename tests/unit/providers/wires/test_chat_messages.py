"""The conversation on the chat wire: arguments, reasoning, refusals, attachments."""

import sys
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import (
    AssistantMessage,
    FileBlock,
    HostedToolBlock,
    ImageBlock,
    Message,
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
from mentra_actors.domain.model_call import (
    ModelRequest,
)
from mentra_actors.providers.presets import GENERIC_CHAT
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.chat_wire import CHAT_COMPLETIONS
from mentra_actors.providers.wires.contract import whole_body

sys.path.insert(0, str(Path(__file__).parent))
from chat_bodies import BARE, CHAT_OPENAI, FEW, profile_with, request_of

_OWN = GENERIC_CHAT.provenance("m")
_FOREIGN = Provenance(provider="other", model="m", wire="chat_completions")


def _items(message: Message, profile: Profile = GENERIC_CHAT) -> list[dict[str, Any]]:
    return CHAT_COMPLETIONS.items(message, "m", profile)


def test_arguments_that_are_no_object_go_back_as_an_empty_one() -> None:
    """Servers parse them again and refuse the whole conversation."""
    call = ToolCallBlock(call_id="a", name="f", arguments='{"x"')

    [item] = _items(AssistantMessage(blocks=(call,)))

    assert item["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_own_reasoning_goes_back_in_its_field(field: Any) -> None:
    """Only the model that made it may get it as reasoning; for others it is words."""
    profile = profile_with(reasoning_replay=field)
    block = ThinkingBlock(parts=("hm",), provenance=_OWN)
    answer = AssistantMessage(blocks=(block, TextBlock(text="42")))

    own = CHAT_COMPLETIONS.items(answer, "m", profile)
    other = CHAT_COMPLETIONS.items(answer, "m2", profile)

    assert own == [{"role": "assistant", "content": "42", field: "hm"}]
    assert other == [{"role": "assistant", "content": "hm\n\n42"}]


def test_own_reasoning_can_go_back_in_tags_or_not_at_all() -> None:
    """Templates of local models cut tags out; some servers refuse reasoning in any form."""
    answer = AssistantMessage(
        blocks=(ThinkingBlock(parts=("hm",), provenance=_OWN), TextBlock(text="42"))
    )

    [tagged] = _items(answer, profile_with(reasoning_replay="think_tags"))
    [without] = _items(answer, profile_with(reasoning_replay="omit"))

    assert tagged["content"] == "<think>\nhm\n</think>\n\n42"
    assert without == {"role": "assistant", "content": "42"}


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (ThinkingBlock(parts=("hm",), provenance=_FOREIGN, signature="s"), "hm"),
        (ThinkingBlock(encrypted="x", provenance=_FOREIGN), "[reasoning unavailable]"),
        (
            ThinkingBlock(encrypted="x", provenance=_FOREIGN, is_redacted=True),
            "[redacted reasoning]",
        ),
        (ThinkingBlock(parts=("hm",)), "hm"),
    ],
)
def test_reasoning_of_others_becomes_words(block: ThinkingBlock, words: str) -> None:
    """A conversation goes on with another model, without what only the first can read."""
    profile = profile_with(reasoning_replay="reasoning_details")

    [item] = _items(AssistantMessage(blocks=(block,)), profile)

    assert item == {"role": "assistant", "content": words}


def test_details_go_back_in_their_order() -> None:
    """A signature is of the text beside it; an entry of a new type goes as it came."""
    profile = profile_with(reasoning_replay="reasoning_details")
    raw = '{"type":"reasoning.new","word":"x"}'
    answer = AssistantMessage(
        blocks=(
            ThinkingBlock(parts=("hm",), signature="s", format="f", provenance=_OWN, is_raw=True),
            ThinkingBlock(parts=("short",), provenance=_OWN),
            ThinkingBlock(encrypted="e", item_id="rs", provenance=_OWN, is_redacted=True),
            OpaqueBlock(item_type="reasoning_detail", raw=raw, provenance=_OWN),
            TextBlock(text="42"),
        )
    )

    [item] = _items(answer, profile)

    assert item["content"] == "42"
    assert item["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "f", "index": 0},
        {"type": "reasoning.summary", "summary": "short", "index": 1},
        {"type": "reasoning.encrypted", "data": "e", "id": "rs", "index": 2},
        {"type": "reasoning.new", "word": "x", "index": 3},
    ]


def test_what_only_others_can_read_stays_at_home() -> None:
    """Raw items of another wire would be refused, and may be somebody's secret."""
    answer = AssistantMessage(
        blocks=(
            OpaqueBlock(item_type="x", raw='{"type":"x"}', provenance=_OWN),
            HostedToolBlock(tool="web_search", raw="{}", provenance=_OWN),
            ImageBlock(media_type="image/png", data=b"foo"),
        )
    )

    assert _items(answer, profile_with(reasoning_replay="reasoning_details")) == []


def test_a_refusal_goes_back_as_words() -> None:
    """The model must see what it said."""
    [item] = _items(AssistantMessage(blocks=(RefusalBlock(text="no"),)))

    assert item == {"role": "assistant", "content": "no"}


def _asking(*attachments: Any) -> ModelRequest:
    return request_of(UserMessage(text="", attachments=attachments))


@pytest.mark.parametrize(
    ("profile", "attachment", "words"),
    [
        (BARE, ImageBlock(url="https://a"), "takes no images"),
        (FEW, ImageBlock(url="https://a"), "takes no URLs"),
        (GENERIC_CHAT, FileBlock(data=b"x", name="a.pdf"), "a.pdf"),
        (GENERIC_CHAT, ImageBlock(data=b"x"), "media type"),
        (GENERIC_CHAT, ImageBlock(blob=BlobRef(digest="abc", size_bytes=1)), "not read"),
        (GENERIC_CHAT, ImageBlock(), "is empty"),
        (CHAT_OPENAI, FileBlock(), "is empty"),
        (CHAT_OPENAI, FileBlock(data=b"x", media_type="audio/midi"), "(audio/midi)"),
        (CHAT_OPENAI, FileBlock(data=b"x", media_type="application/zip"), "(application/zip)"),
        (CHAT_OPENAI, FileBlock(file_id="f", provider="gemini"), "kept by gemini"),
    ],
)
def test_a_text_stands_for_what_cannot_be_sent(
    profile: Profile, attachment: Any, words: str
) -> None:
    """It is part of the history for good: a refusal would make the agent unusable."""
    [item] = whole_body(CHAT_COMPLETIONS, _asking(attachment), profile)["messages"]

    assert item["content"].startswith("[attached: ")
    assert words in item["content"]


def test_ids_of_calls_are_as_short_as_openai_takes_them() -> None:
    """Gateways keep signatures in long ids, which must come back to them whole."""
    long_id = "call_" + "x" * 200
    call = AssistantMessage(blocks=(ToolCallBlock(call_id=long_id, name="f"),))
    told = ToolResultsMessage(results=(ToolResultBlock(call_id=long_id, name="f", content="a"),))
    ids = []
    for profile in (CHAT_OPENAI, GENERIC_CHAT):
        asking, telling = whole_body(CHAT_COMPLETIONS, request_of(call, told), profile)["messages"]
        ids.append((asking["tool_calls"][0]["id"], telling["tool_call_id"]))

    assert ids[0][0] == ids[0][1]
    assert len(ids[0][0]) == len("call_") + 35
    assert ids[1] == (long_id, long_id)


def test_reasoning_stays_at_home_if_nothing_else_is_said() -> None:
    """As words of the answer, the model would take its thoughts for what it has said."""
    thought = ThinkingBlock(parts=("secretly",), provenance=_OWN)
    answer = AssistantMessage(blocks=(thought, TextBlock(text="yes")))

    [said] = whole_body(CHAT_COMPLETIONS, request_of(answer), GENERIC_CHAT)["messages"]

    assert said == {"role": "assistant", "content": "yes"}
