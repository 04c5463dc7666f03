"""Answers with very many parts: their cost grows with their size, and not with its square.

The sizes are such that a cost that grows with the square would take longer than a test may.
"""

from typing import Any

from mentra_actors.domain.content import TextBlock, ThinkingBlock, ToolCallBlock
from mentra_actors.domain.model_call import ModelReply
from mentra_actors.providers.port import HostedToolChanged, ModelEvent, ReplyFinished
from mentra_actors.providers.presets import ANTHROPIC, GEMINI, GENERIC_CHAT, OPENAI
from mentra_actors.providers.wires.anthropic.decoder import AnthropicDecoder
from mentra_actors.providers.wires.chat.decoder import ChatDecoder
from mentra_actors.providers.wires.chat.reasoning_details import DetailPieces
from mentra_actors.providers.wires.chat.think_tags import ThinkTags
from mentra_actors.providers.wires.gemini.decoder import GeminiDecoder
from mentra_actors.providers.wires.gemini.parts import CallDraft
from mentra_actors.providers.wires.responses.decoder import ResponsesDecoder
from mentra_actors.providers.wires.responses.items import StreamedItem, merged_items

_MANY = 40_000
_PIECE = "x" * 2_000


def _last(events: list[ModelEvent]) -> ModelReply:
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    return last.reply


def test_a_detail_of_reasoning_in_many_pieces() -> None:
    """Each piece is joined once."""
    entry = DetailPieces()
    for _ in range(_MANY):
        entry.add({"type": "reasoning.text", "text": _PIECE})

    block = entry.block(GENERIC_CHAT.provenance("m"))
    assert isinstance(block, ThinkingBlock)
    assert len(block.parts[0]) == _MANY * len(_PIECE)


def test_many_blanks_before_a_text() -> None:
    """They are held back until it is clear that no tag follows, and then they are text."""
    tags, blanks = ThinkTags(), " " * len(_PIECE)
    for _ in range(_MANY):
        assert tags.feed(blanks) == ("", "")

    assert len(tags.feed("a").text) == _MANY * len(_PIECE) + 1


def test_many_chat_calls() -> None:
    """Each piece finds its call without a look at all others."""
    pieces = [
        {"index": at, "id": f"c{at}", "function": {"name": "f", "arguments": "{}"}}
        for at in range(_MANY)
    ]
    unnumbered = [{**piece, "index": None, "id": f"d{at}"} for at, piece in enumerate(pieces)]
    choice = {"index": 0, "delta": {"tool_calls": pieces + unnumbered}, "finish_reason": "stop"}
    decoder = ChatDecoder("m", GENERIC_CHAT)
    decoder.feed({"choices": [choice]})

    assert len(_last(decoder.finish()).blocks) == 2 * _MANY


def test_many_sources_of_a_chat_answer() -> None:
    """Some servers repeat all of them in each chunk."""
    pages = [f"https://x.example/{at}" for at in range(_MANY)]
    choice = {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}
    decoder = ChatDecoder("m", GENERIC_CHAT)
    decoder.feed({"choices": [choice], "citations": pages})
    decoder.feed({"citations": pages})

    (block,) = _last(decoder.finish()).blocks
    assert isinstance(block, TextBlock)
    assert len(block.citations) == _MANY


def test_many_results_of_calls_that_are_not_there() -> None:
    """A result finds its call by its id."""
    decoder = AnthropicDecoder("m", ANTHROPIC)
    result = {"type": "web_search_tool_result", "tool_use_id": "gone", "content": []}
    decoder.feed({"type": "message_start", "message": {"content": [result] * _MANY}})

    assert len(_last(decoder.feed({"type": "message_stop"})).blocks) == _MANY


def test_gemini_arguments_in_many_pieces() -> None:
    """The pieces of one text are joined once."""
    call = CallDraft(0, "a", "f", "a")
    fragment = {"jsonPath": "$.a.b", "stringValue": _PIECE}
    for _ in range(_MANY):
        call.add({"partialArgs": [fragment], "willContinue": True})

    assert len(call.arguments) == _MANY * len(_PIECE) + len('{"a":{"b":""}}')


def _gemini(parts: list[dict[str, Any]], grounding: dict[str, Any]) -> ModelReply:
    candidate = {"content": {"parts": parts}, "finishReason": "STOP"}
    decoder = GeminiDecoder("m", GEMINI)
    decoder.feed({"candidates": [{**candidate, "groundingMetadata": grounding}]})
    return _last(decoder.finish())


def test_many_gemini_calls() -> None:
    """Each call looks only at the one before it."""
    reply = _gemini([{"functionCall": {"name": "f", "id": f"c{n}"}} for n in range(_MANY)], {})

    assert len({block.call_id for block in reply.blocks if isinstance(block, ToolCallBlock)}) == (
        _MANY
    )


def test_many_sources_of_a_long_gemini_text() -> None:
    """A place is found without a look at the whole text, and lost words are given up on."""
    text = "ü" * 2_000_000
    segments = [
        {"startIndex": 2 * at, "endIndex": 2 * at + 4, "text": words}
        for at in range(_MANY // 2)
        for words in ("üü", "üüa")
    ]
    supports = [{"segment": segment, "groundingChunkIndices": [0]} for segment in segments]
    grounding = {"groundingChunks": [{"web": {"uri": "u"}}], "groundingSupports": supports}

    block = _gemini([{"text": text}], grounding).blocks[0]
    assert isinstance(block, TextBlock)
    assert [(c.start, c.end) for c in block.citations[:3]] == [(0, 2), (0, 2), (1, 3)]
    assert len(block.citations) == _MANY


def test_a_search_for_tools_in_many_pieces() -> None:
    """It is shown as it grows, and all that is shown is no more than a few times its size."""
    decoder = ResponsesDecoder("m", OPENAI)
    delta = {"type": "response.tool_search_call.delta", "delta": "x"}
    changes = [event for _ in range(1_000) for event in decoder.feed(delta)]

    queries = [event.block.query for event in changes if isinstance(event, HostedToolChanged)]
    assert queries[:2] == ["x", "xx"]
    assert sum(map(len, queries)) < 3 * 1_000


def test_many_items_that_were_not_streamed() -> None:
    """What is left of the streamed ones is found without a look at all others."""
    streamed = [StreamedItem("message") for _ in range(_MANY)]
    output = [{"type": "function_call", "call_id": f"c{at}"} for at in range(_MANY)]

    assert len(merged_items(streamed, output)) == 2 * _MANY
