"""Responses events to neutral events: a pure state machine, one instance for one answer.

Blocks are keyed by `output_index`, because ids may change between the events of an item. Unknown
events are ignored and unknown items are kept as opaque blocks, so an addition to the wire does no
harm. The only event that delivers anything to act on is `ReplyFinished`.
"""

from collections.abc import Callable, Mapping

from mentra_actors.domain.content import AssistantBlock, OpaqueBlock, RefusalBlock, ToolCallBlock
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.errors import ProviderError
from mentra_actors.providers.json_access import Json, list_of, object_of, text_of, whole_of
from mentra_actors.providers.port import (
    ModelEvent,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import in_band_error, malformed_stream
from mentra_actors.providers.wires.responses.items import StreamedItem, blocks_of, merged_items

__all__ = ["ResponsesDecoder", "is_terminal"]

_TERMINAL = {"response.completed", "response.incomplete", "response.failed", "error"}

_STOP_REASONS: Mapping[str, StopReason] = {
    "completed": StopReason.END_TURN,
    "max_output_tokens": StopReason.MAX_TOKENS,
    "content_filter": StopReason.CONTENT_FILTER,
    "queued": StopReason.PAUSE,
    "in_progress": StopReason.PAUSE,
}


def is_terminal(event: Json) -> bool:
    """Whether nothing may follow this event."""
    return text_of(event, "type") in _TERMINAL


class ResponsesDecoder:
    """Feed it each event in order, then `finish`. `model` is the model that was asked for."""

    def __init__(self, model: str, profile: Profile) -> None:
        self._profile = profile
        self._model = model
        self._started: Json = {}
        self._items: dict[int, StreamedItem] = {}
        self._block_indexes: dict[tuple[int, str, int], int] = {}
        self._is_finished = False
        self._readers = self._reader_by_type()

    @property
    def is_finished(self) -> bool:
        """Whether the answer has ended."""
        return self._is_finished

    def feed(self, event: Json) -> list[ModelEvent]:
        """The neutral events that this event gives; none after the terminal one.

        Raises:
            ProviderError: `in_band`: the server reported an error; `malformed_stream`: the answer
                ended and a call in it did not.
        """
        read = self._readers.get(text_of(event, "type"))
        if self._is_finished or read is None:
            return []
        return read(event)

    def finish(self) -> list[ModelEvent]:
        """Say that no event follows.

        Raises:
            ProviderError: `malformed_stream`: the answer has not ended.
        """
        if not self._is_finished:
            raise self._malformed("it ended before the answer did")
        return []

    def _reader_by_type(self) -> Mapping[str, Callable[[Json], list[ModelEvent]]]:
        return {
            "response.created": self._start,
            "response.queued": self._start,
            "response.in_progress": self._start,
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.output_text.delta": self._text_delta,
            "response.output_text.done": self._text_done,
            "response.refusal.delta": self._refusal_delta,
            "response.refusal.done": self._refusal_done,
            "response.reasoning_summary_text.delta": self._summary_delta,
            "response.reasoning_summary_text.done": self._summary_done,
            "response.reasoning_text.delta": self._reasoning_delta,
            "response.reasoning_text.done": self._reasoning_done,
            "response.function_call_arguments.delta": self._arguments_delta,
            "response.function_call_arguments.done": self._arguments_done,
            "response.completed": self._finish,
            "response.incomplete": self._finish,
            "response.failed": self._fail,
            "error": self._fail,
        }

    def _start(self, event: Json) -> list[ModelEvent]:
        self._started = self._started or object_of(event, "response")
        return []

    def _item_added(self, event: Json) -> list[ModelEvent]:
        added = object_of(event, "item")
        item = self._item(event, text_of(added, "type"))
        item.item_type = text_of(added, "type") or item.item_type
        item.added = added
        if item.item_type != "function_call":
            return []
        return [self._call_delta(event, item, text_of(added, "arguments"))]

    def _text_delta(self, event: Json) -> list[ModelEvent]:
        pieces = self._item(event, "message").parts
        return self._text_piece(event, pieces, text_of(event, "delta"))

    def _text_done(self, event: Json) -> list[ModelEvent]:
        pieces = self._item(event, "message").parts
        if whole_of(event, "content_index") in pieces:
            _replace(pieces, whole_of(event, "content_index"), text_of(event, "text"))
            return []
        return self._text_piece(event, pieces, text_of(event, "text"))

    def _refusal_delta(self, event: Json) -> list[ModelEvent]:
        pieces = self._item(event, "message").refusals
        return self._text_piece(event, pieces, text_of(event, "delta"))

    def _refusal_done(self, event: Json) -> list[ModelEvent]:
        pieces = self._item(event, "message").refusals
        if whole_of(event, "content_index") in pieces:
            return []
        return self._text_piece(event, pieces, text_of(event, "refusal"))

    def _text_piece(
        self, event: Json, pieces: dict[int, list[str]], piece: str
    ) -> list[ModelEvent]:
        if not piece:
            return []
        index = whole_of(event, "content_index")
        pieces.setdefault(index, []).append(piece)
        return [TextDelta(piece, block_index=self._block_index(event, "text", index))]

    def _summary_delta(self, event: Json) -> list[ModelEvent]:
        pieces = self._item(event, "reasoning").summaries
        return self._thinking_piece(event, pieces, "summary_index", text_of(event, "delta"))

    def _summary_done(self, event: Json) -> list[ModelEvent]:
        pieces = self._item(event, "reasoning").summaries
        if whole_of(event, "summary_index") in pieces:
            return []
        return self._thinking_piece(event, pieces, "summary_index", text_of(event, "text"))

    def _reasoning_delta(self, event: Json) -> list[ModelEvent]:
        pieces = self._item(event, "reasoning").parts
        return self._thinking_piece(event, pieces, "content_index", text_of(event, "delta"))

    def _reasoning_done(self, event: Json) -> list[ModelEvent]:
        pieces = self._item(event, "reasoning").parts
        if whole_of(event, "content_index") in pieces:
            return []
        return self._thinking_piece(event, pieces, "content_index", text_of(event, "text"))

    def _thinking_piece(
        self, event: Json, pieces: dict[int, list[str]], index_key: str, piece: str
    ) -> list[ModelEvent]:
        """A piece of a part; a blank line stands between parts, and none after the last."""
        if not piece:
            return []
        index = whole_of(event, index_key)
        is_next_part = bool(pieces) and index not in pieces
        pieces.setdefault(index, []).append(piece)
        shown = f"\n\n{piece}" if is_next_part else piece
        return [ThinkingDelta(shown, block_index=self._block_index(event, "thinking", 0))]

    def _arguments_delta(self, event: Json) -> list[ModelEvent]:
        item = self._item(event, "function_call")
        piece = text_of(event, "delta")
        item.arguments.append(piece)
        return [self._call_delta(event, item, piece)] if piece else []

    def _arguments_done(self, event: Json) -> list[ModelEvent]:
        item = self._item(event, "function_call")
        arguments = text_of(event, "arguments")
        if not arguments:
            return []
        is_shown = any(item.arguments)
        item.arguments = [arguments]
        return [] if is_shown else [self._call_delta(event, item, arguments)]

    def _item_done(self, event: Json) -> list[ModelEvent]:
        done = object_of(event, "item")
        item = self._item(event, text_of(done, "type"))
        item.item_type = text_of(done, "type") or item.item_type
        item.done = done
        arguments = text_of(done, "arguments")
        if item.item_type != "function_call" or any(item.arguments) or not arguments:
            return []
        return [self._call_delta(event, item, arguments)]

    def _call_delta(self, event: Json, item: StreamedItem, piece: str) -> ModelEvent:
        index = self._block_index(event, "tool_call", 0)
        return ToolCallDelta(item.first("call_id"), item.first("name"), piece, block_index=index)

    def _finish(self, event: Json) -> list[ModelEvent]:
        response = object_of(event, "response")
        if text_of(response, "status") == "failed":
            return self._fail(event)
        streamed = [self._items[index] for index in sorted(self._items)]
        items = merged_items(streamed, list_of(response, "output"))
        raw_stop_reason = _raw_stop_reason(event, response)
        if raw_stop_reason == "completed":
            self._require_closed_calls(items)
        self._is_finished = True
        return [ReplyFinished(self._reply(response, items, raw_stop_reason))]

    def _require_closed_calls(self, items: list[StreamedItem]) -> None:
        for item in items:
            if item.item_type == "function_call" and not item.is_closed:
                raise self._malformed(f"the call of {item.first('name')!r} was never closed")

    def _reply(
        self, response: Json, items: list[StreamedItem], raw_stop_reason: str
    ) -> ModelReply:
        provenance = self._profile.provenance(self._model)
        blocks = tuple(block for item in items for block in blocks_of(item, provenance))
        stop_reason = _STOP_REASONS.get(raw_stop_reason, StopReason.OTHER)
        if stop_reason is StopReason.END_TURN:
            if any(map(_is_call, blocks)):
                stop_reason = StopReason.TOOL_USE
            elif any(isinstance(block, RefusalBlock) for block in blocks):
                stop_reason = StopReason.REFUSAL
        return ModelReply(
            blocks=blocks,
            stop_reason=stop_reason,
            raw_stop_reason=raw_stop_reason,
            usage=_usage(object_of(response, "usage")),
            response_id=text_of(response, "id") or text_of(self._started, "id"),
            model=text_of(response, "model") or text_of(self._started, "model") or self._model,
            provenance=provenance,
        )

    def _fail(self, event: Json) -> list[ModelEvent]:
        self._is_finished = True
        error = object_of(object_of(event, "response"), "error") or object_of(event, "error")
        raise in_band_error(self._profile.name, error or {**event, "type": ""})

    def _item(self, event: Json, item_type: str) -> StreamedItem:
        """The item of the event; events of an item that was never added still count."""
        index = whole_of(event, "output_index")
        item = self._items.get(index)
        if item is None:
            item = self._items[index] = StreamedItem(item_type)
        return item

    def _block_index(self, event: Json, kind: str, part: int) -> int:
        key = (whole_of(event, "output_index"), kind, part)
        return self._block_indexes.setdefault(key, len(self._block_indexes))

    def _malformed(self, message: str) -> ProviderError:
        return malformed_stream(f"{self._profile.name} sent a malformed stream: {message}")


def _replace(pieces: dict[int, list[str]], index: int, text: str) -> None:
    if text:
        pieces[index] = [text]


def _raw_stop_reason(event: Json, response: Json) -> str:
    reason = text_of(object_of(response, "incomplete_details"), "reason")
    status = text_of(response, "status")
    return reason or status or text_of(event, "type").removeprefix("response.")


def _is_call(block: AssistantBlock) -> bool:
    """Whether the block waits for a result; custom tools are not offered, but they are calls."""
    is_custom = isinstance(block, OpaqueBlock) and block.item_type == "custom_tool_call"
    return is_custom or isinstance(block, ToolCallBlock)


def _usage(usage: Json) -> TokenUsage:
    return TokenUsage(
        input_tokens=whole_of(usage, "input_tokens"),
        output_tokens=whole_of(usage, "output_tokens"),
        cached_input_tokens=whole_of(object_of(usage, "input_tokens_details"), "cached_tokens"),
        reasoning_tokens=whole_of(object_of(usage, "output_tokens_details"), "reasoning_tokens"),
    )
