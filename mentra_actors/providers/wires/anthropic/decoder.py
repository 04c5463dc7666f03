"""Events of a message to neutral events: a pure state machine, one instance for one answer.

Blocks stand in the order in which they began. Unknown events and deltas are ignored and unknown
blocks are kept as opaque ones, so an addition to the wire does no harm. The only event that
delivers anything to act on is `ReplyFinished`.
"""

from collections.abc import Callable, Mapping

import msgspec

from mentra_actors.domain.content import (
    AssistantBlock,
    HostedToolBlock,
    OpaqueBlock,
    RefusalBlock,
    ToolCallBlock,
)
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.providers.json_access import Json, list_of, object_of, text_of
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
from mentra_actors.providers.wires.anthropic.blocks import (
    StreamedBlock,
    citation_of,
    hosted_tool_block,
    neutral_blocks,
)
from mentra_actors.providers.wires.anthropic.messages import CONTAINER, CUT_OFF
from mentra_actors.providers.wires.anthropic.usage import token_usage

__all__ = ["AnthropicDecoder", "is_terminal"]

_TERMINAL = frozenset({"message_stop", "error"})

_STOP_REASONS: Mapping[str, StopReason] = {
    "": StopReason.END_TURN,
    "end_turn": StopReason.END_TURN,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_use": StopReason.TOOL_USE,
    "pause_turn": StopReason.PAUSE,
    "compaction": StopReason.COMPACTION,
    "refusal": StopReason.REFUSAL,
    "model_context_window_exceeded": StopReason.CONTEXT_EXCEEDED,
}
_WHOLE = frozenset({StopReason.END_TURN, StopReason.STOP_SEQUENCE, StopReason.TOOL_USE})
"""After these an open call is an error of the stream; after others it was cut off."""
_CUT = frozenset({StopReason.MAX_TOKENS, StopReason.CONTEXT_EXCEEDED, StopReason.REFUSAL})
"""After these a tool of the server that has no result will never have one."""
_BLOCK_OF_DELTA: Mapping[str, str] = {"text_delta": "text", "thinking_delta": "thinking"}
"""Blocks that may begin without an event of their own."""


def is_terminal(event: Json) -> bool:
    """Whether nothing may follow this event."""
    return text_of(event, "type") in _TERMINAL


class AnthropicDecoder:
    """Feed it each event in order, then `finish`. `model` is the model that was asked for."""

    def __init__(self, model: str, profile: Profile) -> None:
        self._profile = profile
        self._model = model
        self._provenance = profile.provenance(model)
        self._message: Json | None = None
        self._served_by = ""
        self._blocks: list[StreamedBlock] = []
        self._block_by_index: dict[int, StreamedBlock] = {}
        self._hosted_by_id: dict[str, StreamedBlock] = {}
        self._stop: dict[str, object] = {}
        self._usage: dict[str, object] = {}
        self._is_finished = False
        self._readers: Mapping[str, Callable[[Json], list[ModelEvent]]] = {
            "message_start": self._start,
            "content_block_start": self._block_start,
            "content_block_delta": self._block_delta,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": lambda _: self._finish(),
            "error": self._fail,
        }

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
            raise malformed_answer(self._profile.name, "it ended before the answer did")
        return []

    def _start(self, event: Json) -> list[ModelEvent]:
        """The message as it begins; some proxies say it twice, and only the first counts."""
        if self._message is not None:
            return []
        message = self._message = object_of(event, "message")
        self._served_by = text_of(message, "model")
        self._merge_stop(message)
        started = AnswerStarted(model=self._served_by, response_id=text_of(message, "id"))
        events: list[ModelEvent] = [started, *self._count(message)]
        for index, block in enumerate(list_of(message, "content")):
            events += self._begin(block, index)
            events += self._close(self._block_by_index[index])
        return events

    def _block_start(self, event: Json) -> list[ModelEvent]:
        index = _index(event, len(self._blocks))
        start = object_of(event, "content_block")
        begun = self._block_by_index.get(index)
        if begun is not None and not begun.is_closed and begun.start == start:
            return []
        return self._begin(start, index)

    def _begin(self, start: Json, index: int) -> list[ModelEvent]:
        block = StreamedBlock(start, len(self._blocks))
        self._blocks.append(block)
        self._block_by_index[index] = block
        if block.block_type == "fallback":
            self._served_by = text_of(object_of(start, "to"), "model") or self._served_by
        events: list[ModelEvent] = []
        if block.is_call:
            events.append(self._call_delta(block, ""))
        if block.is_hosted_call:
            self._hosted_by_id[text_of(start, "id")] = block
            events.append(self._hosted_change(block))
        events += self._shown(block, "text", text_of(start, "text"))
        events += self._shown(block, "thinking", text_of(start, "thinking"))
        events += [CitationFound(citation_of(one), block.position) for one in block.citations]
        return events + self._resolved(block)

    def _resolved(self, block: StreamedBlock) -> list[ModelEvent]:
        """The change of the server's call of which this block is the result, if it is one."""
        call_id = text_of(block.start, "tool_use_id")
        call = self._hosted_by_id.get(call_id) if call_id else None
        if call is None:
            return []
        call.result = block.start
        return [self._hosted_change(call)]

    def _block_delta(self, event: Json) -> list[ModelEvent]:
        delta = object_of(event, "delta")
        delta_type = text_of(delta, "type")
        block, events = self._block_of(event, delta_type)
        if block is None:
            return events
        match delta_type:
            case "text_delta":
                return events + self._piece(block, "text", text_of(delta, "text"))
            case "thinking_delta":
                return events + self._piece(block, "thinking", text_of(delta, "thinking"))
            case "input_json_delta" if not block.is_closed:
                return self._piece(block, "input", text_of(delta, "partial_json"))
            case "signature_delta":
                block.folded["signature"] = text_of(delta, "signature")
            case "citations_delta":
                return self._cite(block, object_of(delta, "citation"))
            case "compaction_delta":
                block.folded.update({k: v for k, v in delta.items() if k != "type"})
        return []

    def _block_of(
        self, event: Json, delta_type: str
    ) -> tuple[StreamedBlock | None, list[ModelEvent]]:
        """The block of a delta. Words may begin a block; input of an unknown call cannot."""
        index = _index(event, max(len(self._blocks) - 1, 0))
        block = self._block_by_index.get(index)
        if block is not None:
            return block, []
        if delta_type == "input_json_delta":
            raise malformed_answer(self._profile.name, "the input of a call came before the call")
        block_type = _BLOCK_OF_DELTA.get(delta_type)
        if block_type is None:
            return None, []
        events = self._begin({"type": block_type}, index)
        return self._block_by_index[index], events

    def _piece(self, block: StreamedBlock, field: str, piece: str) -> list[ModelEvent]:
        if not piece:
            return []
        block.add(field, piece)
        return self._shown(block, field, piece)

    def _shown(self, block: StreamedBlock, field: str, piece: str) -> list[ModelEvent]:
        """What viewers see of a piece: only that of the block which has such a field."""
        if not piece:
            return []
        match block.block_type, field:
            case "text", "text":
                return [TextDelta(piece, block_index=block.position)]
            case "thinking", "thinking":
                return [ThinkingDelta(piece, block_index=block.position)]
            case "tool_use", "input":
                return [self._call_delta(block, piece)]
            case _:
                return []

    def _cite(self, block: StreamedBlock, citation: Json) -> list[ModelEvent]:
        if not citation:
            return []
        block.citations.append(citation)
        return [CitationFound(citation_of(citation), block_index=block.position)]

    def _block_stop(self, event: Json) -> list[ModelEvent]:
        index = _index(event, max(len(self._blocks) - 1, 0))
        block = self._block_by_index.get(index)
        return [] if block is None or block.is_closed else self._close(block)

    def _close(self, block: StreamedBlock) -> list[ModelEvent]:
        block.is_closed = True
        if block.is_hosted_call:
            return [self._hosted_change(block)]
        if block.is_call and "input" not in block.pieces and block.start.get("input"):
            return [self._call_delta(block, block.input_text())]
        return []

    def _call_delta(self, block: StreamedBlock, piece: str) -> ModelEvent:
        call_id, name = text_of(block.start, "id"), text_of(block.start, "name")
        return ToolCallDelta(call_id, name, piece, block_index=block.position)

    def _hosted_change(self, block: StreamedBlock) -> ModelEvent:
        changed = hosted_tool_block(block, self._provenance)
        return HostedToolChanged(changed, block_index=block.position)

    def _message_delta(self, event: Json) -> list[ModelEvent]:
        self._merge_stop(object_of(event, "delta"))
        return self._count(event)

    def _merge_stop(self, fields: Json) -> None:
        """Why and where the answer ended; what is missing or null says nothing new."""
        names = ("stop_reason", "stop_details", "container")
        self._stop.update({k: fields[k] for k in names if fields.get(k) is not None})

    def _count(self, event: Json) -> list[ModelEvent]:
        """Counts are totals so far: those that are given replace those before, field by field."""
        usage = object_of(event, "usage")
        self._usage.update({k: v for k, v in usage.items() if isinstance(v, int | dict)})
        return [UsageReported(token_usage(self._usage))] if usage else []

    def _finish(self) -> list[ModelEvent]:
        if self._message is None and not self._blocks:
            raise malformed_answer(self._profile.name, "it has no message")
        raw_stop_reason = text_of(self._stop, "stop_reason")
        stop_reason = _STOP_REASONS.get(raw_stop_reason, StopReason.OTHER)
        if stop_reason in _WHOLE:
            self._require_closed_calls()
        self._is_finished = True
        return [ReplyFinished(self._reply(stop_reason, raw_stop_reason))]

    def _require_closed_calls(self) -> None:
        for block in self._blocks:
            if block.is_call and not block.is_closed:
                name = text_of(block.start, "name")
                raise open_call(self._profile.name, name)

    def _reply(self, stop_reason: StopReason, raw_stop_reason: str) -> ModelReply:
        blocks = [
            _settled(block, stop_reason)
            for streamed in self._blocks
            for block in neutral_blocks(streamed, self._provenance)
        ]
        blocks += self._closing_blocks(blocks)
        calls = any(isinstance(block, ToolCallBlock) for block in blocks)
        if stop_reason is StopReason.END_TURN and calls:
            stop_reason = StopReason.TOOL_USE
        return ModelReply(
            blocks=tuple(blocks),
            stop_reason=stop_reason,
            raw_stop_reason=raw_stop_reason,
            usage=token_usage(self._usage),
            response_id=text_of(self._message or {}, "id"),
            model=self._served_by or self._model,
            provenance=self._provenance,
        )

    def _closing_blocks(self, blocks: list[AssistantBlock]) -> list[AssistantBlock]:
        """What the end of the answer tells: why it was refused, and where a program waits."""
        closing: list[AssistantBlock] = []
        explanation = text_of(object_of(self._stop, "stop_details"), "explanation")
        if explanation and text_of(self._stop, "stop_reason") == "refusal":
            closing.append(RefusalBlock(text=explanation))
        container = object_of(self._stop, "container")
        if text_of(container, "id") and any(
            isinstance(b, ToolCallBlock) and b.caller for b in blocks
        ):
            raw = msgspec.json.encode(container).decode()
            closing.append(OpaqueBlock(item_type=CONTAINER, raw=raw, provenance=self._provenance))
        return closing

    def _fail(self, event: Json) -> list[ModelEvent]:
        self._is_finished = True
        error = object_of(event, "error")
        if not error:
            words = text_of(event, "error") or text_of(event, "message")
            error = {"message": words}
        raise in_band_error(self._profile.name, error)


def _settled(block: AssistantBlock, stop_reason: StopReason) -> AssistantBlock:
    """The block, and of a tool of the server that was cut off that it was."""
    is_open = isinstance(block, HostedToolBlock) and block.status == "in_progress"
    if not is_open or stop_reason not in _CUT:
        return block
    return msgspec.structs.replace(block, status=CUT_OFF)


def _index(event: Json, otherwise: int) -> int:
    """The index of an event's block; some servers leave it out."""
    index = event.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else otherwise
