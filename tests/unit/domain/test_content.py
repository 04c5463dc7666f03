"""Blocks of content as they are stored: for ever, so what came later must not stand in the way."""

import msgspec
import pytest

from mentra_actors.domain.content import (
    AssistantBlock,
    Provenance,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    UserMessage,
)


def test_a_block_is_stored_without_what_says_nothing():
    """Most fields are of one provider, and a conversation has thousands of blocks."""
    bare = ThinkingBlock()
    signed = ThinkingBlock(signature="s", provenance=Provenance("p", "m", "w"))

    assert msgspec.json.encode(bare) == b'{"type":"thinking"}'
    assert msgspec.json.decode(msgspec.json.encode(signed)) == {
        "type": "thinking",
        "signature": "s",
        "provenance": {"provider": "p", "model": "m", "wire": "w"},
    }
    assert msgspec.json.decode(msgspec.json.encode(signed), type=AssistantBlock) == signed


@pytest.mark.parametrize(
    ("stored", "block"),
    [
        (b'{"type":"text","text":"hi"}', TextBlock(text="hi")),
        (b'{"type":"thinking","parts":["hm"]}', ThinkingBlock(parts=("hm",))),
        (
            b'{"type":"tool_call","call_id":"c","name":"f"}',
            ToolCallBlock(call_id="c", name="f", arguments="{}"),
        ),
    ],
)
def test_blocks_of_the_past_still_load(stored, block):
    """They know nothing of citations, signatures and kinds of calls."""
    assert msgspec.json.decode(stored, type=AssistantBlock) == block
    user = msgspec.json.decode(b'{"type":"user","text":"hi"}', type=UserMessage)
    assert user == UserMessage(text="hi")
