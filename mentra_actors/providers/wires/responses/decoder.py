"""Responses events to neutral events: a pure state machine, one instance for one answer.

Blocks are keyed by `output_index`, because ids may change between the events of an item. A server
may leave it out, or repeat it: then another item begins where the one before is closed. Unknown
events are ignored and unknown items are kept as opaque blocks, so an addition to the wire does no
harm. The only event that delivers anything to act on is `ReplyFinished`.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from mentra_actors.domain.model_call import ModelReply
from mentra_actors.providers.json_access import Json, list_of, object_of, text_of, whole_of
from mentra_actors.providers.port import (
    AnswerStarted,
    CitationFound,
    HostedToolChanged,
    ModelEvent,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import in_band_error, malformed_answer, open_call
from mentra_actors.providers.wires.annotations import citation_of
from mentra_actors.providers.wires.counts import cost_of
from mentra_actors.providers.wires.responses.ending import (
    raw_stop_reason,
    stop_reason_of,
    token_usage,
)
from mentra_actors.providers.wires.responses.hosted import HOSTED_TOOLS, image_of
from mentra_actors.providers.wires.responses.items import (
    CALL_TYPES,
    StreamedItem,
    asked_in,
    blocks_of,
    hosted_work,
    merged_items,
)

__all__ = ["ResponsesDecoder", "is_terminal"]

_Place: TypeAlias = tuple[int, int]
"""An `output_index`, and how many items were closed there before."""

_TERMINAL = {"response.completed", "response.incomplete", "response.failed", "error"}


def is_terminal(event: Json) -> bool:
    """Whether nothing may follow this event."""
    return text_of(event, "type") in _TERMINAL


class ResponsesDecoder:
    """Feed it each event in order, then `finish`. `model` is the model that was asked for."""

    def __init__(self, model: str, profile: Profile) -> None:
        self._profile = profile
        self._model = model
        self._provenance = profile.provenance(model)
        self._has_started = False
        self._started: Json = {}
        self._items: dict[_Place, StreamedItem] = {}
        self._closed_before: dict[int, int] = {}
        self._block_indexes: dict[tuple[_Place, str, int], int] = {}
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
        if self._is_finished:
            return []
        event_type = text_of(event, "type")
        read = self._readers.get(event_type)
        if read is not None:
            return read(event)
        return self._hosted_status(event, event_type)

    def finish(self) -> list[ModelEvent]:
        """Say that no event follows.

        Raises:
            ProviderError: `malformed_stream`: the answer has not ended.
        """
        if not self._is_finished:
            raise malformed_answer(self._profile.name, "it ended before the answer did")
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
            "response.custom_tool_call_input.delta": self._input_delta,
            "response.custom_tool_call_input.done": self._input_done,
            "response.output_text.annotation.added": self._annotation,
            "response.tool_search_call.delta": self._search_delta,
            "response.image_generation_call.partial_image": self._partial_image,
            "response.completed": self._finish,
            "response.incomplete": self._finish,
            "response.failed": self._fail,
            "error": self._fail,
        }

    def _start(self, event: Json) -> list[ModelEvent]:
        response = object_of(event, "response")
        started: list[ModelEvent] = []
        if not self._has_started:
            self._has_started = True
            model = text_of(response, "model") or self._model
            started = [AnswerStarted(model=model, response_id=text_of(response, "id"))]
        self._started = self._started or response
        usage = object_of(response, "usage")
        return [*started, UsageReported(token_usage(usage))] if usage else started

    def _item_added(self, event: Json) -> list[ModelEvent]:
        added = object_of(event, "item")
        item = self._told_item(event, added)
        item.added = added
        if item.is_call:
            return [self._call_delta(event, item, text_of(added, CALL_TYPES[item.item_type]))]
        return self._work(event, item) if item.is_hosted else []

    def _hosted_status(self, event: Json, event_type: str) -> list[ModelEvent]:
        """Events like `response.web_search_call.searching`; others are ignored."""
        _, _, rest = event_type.partition("response.")
        item_type, _, status = rest.partition(".")
        if item_type not in HOSTED_TOOLS or not status or "." in status:
            return []
        item = self._item(event, item_type)
        item.status = status
        return self._work(event, item) if item.is_hosted else []

    def _search_delta(self, event: Json) -> list[ModelEvent]:
        item = self._item(event, "tool_search_call")
        is_news = item.add_search(text_of(event, "delta"))
        return self._work(event, item) if is_news and item.is_hosted else []

    def _partial_image(self, event: Json) -> list[ModelEvent]:
        """An image on its way: shown, and not kept."""
        item = self._item(event, "image_generation_call")
        image = image_of(text_of(event, "partial_image_b64"), text_of(event, "output_format"))
        if image is None:
            return []
        block = msgspec.structs.replace(hosted_work(item, self._provenance), images=(image,))
        return [HostedToolChanged(block, block_index=self._block_index(event, "hosted", 0))]

    def _work(self, event: Json, item: StreamedItem) -> list[ModelEvent]:
        block = hosted_work(item, self._provenance)
        return [HostedToolChanged(block, block_index=self._block_index(event, "hosted", 0))]

    def _annotation(self, event: Json) -> list[ModelEvent]:
        annotation = object_of(event, "annotation")
        if not annotation:
            return []
        item, part = self._item(event, "message"), whole_of(event, "content_index")
        item.annotations.setdefault(part, []).append(annotation)
        index = self._block_index(event, "text", part)
        return [CitationFound(citation_of(annotation), block_index=index)]

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
        return self._asked_piece(event, "function_call")

    def _arguments_done(self, event: Json) -> list[ModelEvent]:
        return self._asked_whole(event, "function_call")

    def _input_delta(self, event: Json) -> list[ModelEvent]:
        return self._asked_piece(event, "custom_tool_call")

    def _input_done(self, event: Json) -> list[ModelEvent]:
        return self._asked_whole(event, "custom_tool_call")

    def _asked_piece(self, event: Json, item_type: str) -> list[ModelEvent]:
        item = self._item(event, item_type)
        piece = text_of(event, "delta")
        item.arguments.append(piece)
        return [self._call_delta(event, item, piece)] if piece else []

    def _asked_whole(self, event: Json, item_type: str) -> list[ModelEvent]:
        item = self._item(event, item_type)
        asked = text_of(event, CALL_TYPES[item_type])
        if not asked:
            return []
        is_shown = any(item.arguments)
        item.arguments = [asked]
        return [] if is_shown else [self._call_delta(event, item, asked)]

    def _item_done(self, event: Json) -> list[ModelEvent]:
        done = object_of(event, "item")
        item = self._told_item(event, done)
        item.done = done
        if item.is_hosted:
            return self._work(event, item)
        if not item.is_call or any(item.arguments):
            return []
        asked = asked_in(item, done)
        if not asked:
            return []
        return [self._call_delta(event, item, asked)]

    def _call_delta(self, event: Json, item: StreamedItem, piece: str) -> ModelEvent:
        index = self._block_index(event, "tool_call", 0)
        return ToolCallDelta(item.call_id, item.call_name, piece, block_index=index)

    def _finish(self, event: Json) -> list[ModelEvent]:
        response = object_of(event, "response")
        if text_of(response, "status") == "failed":
            return self._fail(event)
        streamed = [self._items[place] for place in sorted(self._items)]
        items = merged_items(streamed, list_of(response, "output"))
        raw = raw_stop_reason(event, response)
        if raw == "completed":
            self._require_closed_calls(items)
        self._is_finished = True
        return [ReplyFinished(self._reply(response, items, raw))]

    def _require_closed_calls(self, items: list[StreamedItem]) -> None:
        for item in items:
            if item.is_call and not item.is_closed:
                raise open_call(self._profile.name, item.call_name)

    def _reply(self, response: Json, items: list[StreamedItem], raw: str) -> ModelReply:
        blocks = tuple(block for item in items for block in blocks_of(item, self._provenance))
        usage = object_of(response, "usage")
        return ModelReply(
            blocks=blocks,
            stop_reason=stop_reason_of(raw, blocks),
            raw_stop_reason=raw,
            usage=token_usage(usage),
            response_id=text_of(response, "id") or text_of(self._started, "id"),
            model=text_of(response, "model") or text_of(self._started, "model") or self._model,
            provenance=self._provenance,
            cost_usd_micros=cost_of(usage),
        )

    def _fail(self, event: Json) -> list[ModelEvent]:
        self._is_finished = True
        error = object_of(object_of(event, "response"), "error") or object_of(event, "error")
        raise in_band_error(self._profile.name, error or {**event, "type": ""})

    def _told_item(self, event: Json, sent: Json) -> StreamedItem:
        """The item that an event tells of as a whole; another one after it is closed."""
        before = self._items.get(self._place(event))
        if before is not None and before.is_other_than(sent):
            index, closed_before = self._place(event)
            self._closed_before[index] = closed_before + 1
        item = self._item(event, text_of(sent, "type"))
        item.item_type = text_of(sent, "type") or item.item_type
        return item

    def _item(self, event: Json, item_type: str) -> StreamedItem:
        """The item of the event; events of an item that was never added still count."""
        place = self._place(event)
        item = self._items.get(place)
        if item is None:
            item = self._items[place] = StreamedItem(item_type)
        return item

    def _place(self, event: Json) -> _Place:
        index = whole_of(event, "output_index")
        return index, self._closed_before.get(index, 0)

    def _block_index(self, event: Json, kind: str, part: int) -> int:
        key = (self._place(event), kind, part)
        return self._block_indexes.setdefault(key, len(self._block_indexes))


def _replace(pieces: dict[int, list[str]], index: int, text: str) -> None:
    if text:
        pieces[index] = [text]
