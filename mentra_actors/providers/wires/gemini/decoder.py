"""Chunks of a Gemini answer to neutral events: a pure state machine, one instance for one answer.

An answer ends where the stream ends: a reason for the end may come twice, with content after the
first, so `ReplyFinished` is given by `finish` alone. Unknown parts are kept as opaque blocks, so
an addition to the wire does no harm.
"""

from collections.abc import Callable, Mapping

import msgspec

from mentra_actors.domain.content import AssistantBlock, Citation, TextBlock, ToolCallBlock
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
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
from mentra_actors.providers.wires.gemini.grounding import (
    CitedText,
    citations_of,
    grounding_block,
)
from mentra_actors.providers.wires.gemini.partial_arguments import PlaceError
from mentra_actors.providers.wires.gemini.parts import (
    CallDraft,
    TextRun,
    image_block,
    part_kind,
    raw_block,
)
from mentra_actors.providers.wires.gemini.stop_reasons import COMPLETE, stop_reason_of
from mentra_actors.providers.wires.gemini.usage import CountedTokens

__all__ = ["GeminiDecoder", "is_terminal"]

_BESIDE_PARTS = ("groundingMetadata", "urlContextMetadata", "citationMetadata")


def is_terminal(event: Json) -> bool:
    """Whether a chunk says why the answer ends."""
    reasons = [text_of(candidate, "finishReason") for candidate in list_of(event, "candidates")]
    return any(reasons) or "promptFeedback" in event or bool(object_of(event, "error"))


class GeminiDecoder:
    """Feed it each chunk in order, then `finish`. `model` is the model that was asked for."""

    def __init__(self, model: str, profile: Profile) -> None:
        self._profile = profile
        self._model = model
        self._provenance = profile.provenance(model)
        self._response_id = ""
        self._answering_model = ""
        self._is_started = False
        self._is_finished = False
        self._blocks: list[TextRun | CallDraft | AssistantBlock] = []
        self._last_call: CallDraft | None = None
        self._call_ids: set[str] = set()
        self._beside: dict[str, Json] = {}
        self._finish_reason = ""
        self._block_reason = ""
        self._has_candidates = False
        self._has_feedback = False
        self._counted = CountedTokens()
        self._reported = TokenUsage()
        self._readers: Mapping[str, Callable[[Json], list[ModelEvent]]] = {
            "": self._text,
            "text": self._text,
            "functionCall": self._call,
            "inlineData": self._inline,
        }

    @property
    def is_finished(self) -> bool:
        """Whether the answer has ended."""
        return self._is_finished

    def feed(self, event: Json) -> list[ModelEvent]:
        """The neutral events that this chunk gives; none after `finish`.

        Raises:
            ProviderError: `in_band`: the server reported an error; `malformed_stream`: a part
                cannot be read.
        """
        if self._is_finished:
            return []
        if error := object_of(event, "error"):
            raise in_band_error(self._profile.name, error)
        events = self._start(event)
        for candidate in list_of(event, "candidates"):
            if whole_of(candidate, "index") == 0:
                events += self._candidate(candidate)
        self._feedback(event)
        return events + self._usage(event)

    def finish(self) -> list[ModelEvent]:
        """Say that no chunk follows: the answer is what came, if it came to an end.

        Raises:
            ProviderError: `malformed_stream`: the answer has not ended, or a call in it has not.
        """
        if self._is_finished:
            return []
        if not self._reason:
            raise malformed_answer(self._profile.name, "it ended before the answer did")
        blocks = self._closed_blocks()
        self._is_finished = True
        events = self._cite(blocks)
        reply = ModelReply(
            blocks=tuple(blocks.values()),
            stop_reason=self._stop_reason(blocks),
            raw_stop_reason=self._reason,
            usage=self._counted.usage,
            response_id=self._response_id,
            model=self._answering_model or self._model,
            provenance=self._provenance,
        )
        return [*events, ReplyFinished(reply)]

    def _start(self, event: Json) -> list[ModelEvent]:
        self._response_id = self._response_id or text_of(event, "responseId")
        self._answering_model = self._answering_model or text_of(event, "modelVersion")
        if self._is_started or not event:
            return []
        self._is_started = True
        model = self._answering_model or self._model
        return [AnswerStarted(model=model, response_id=self._response_id)]

    def _candidate(self, candidate: Json) -> list[ModelEvent]:
        self._has_candidates = True
        self._finish_reason = text_of(candidate, "finishReason") or self._finish_reason
        for key in _BESIDE_PARTS:
            self._beside[key] = object_of(candidate, key) or self._beside.get(key, {})
        events: list[ModelEvent] = []
        for part in list_of(object_of(candidate, "content"), "parts"):
            read = self._readers.get(part_kind(part), self._other)
            events += read(part)
        return events

    def _feedback(self, event: Json) -> None:
        reason = text_of(object_of(event, "promptFeedback"), "blockReason")
        self._block_reason = reason or self._block_reason
        self._has_feedback = self._has_feedback or "promptFeedback" in event

    @property
    def _reason(self) -> str:
        """Why the answer ended, in the word of the server; empty if it has not.

        A prompt that was blocked has no candidates; feedback beside them only describes it.
        """
        is_blocked = self._has_feedback and not self._has_candidates
        return self._finish_reason or self._block_reason or ("BLOCKED" if is_blocked else "")

    def _usage(self, event: Json) -> list[ModelEvent]:
        self._counted.add(object_of(event, "usageMetadata"))
        usage = self._counted.usage
        if usage == self._reported:
            return []
        self._reported = usage
        return [UsageReported(usage)]

    def _text(self, part: Json) -> list[ModelEvent]:
        """A piece of text or of a thought, or a signature that stands alone."""
        text, signature = text_of(part, "text"), text_of(part, "thoughtSignature")
        if not text and not signature:
            return []
        is_thought = part.get("thought") is True
        run = self._run(text, signature, is_thought=is_thought)
        run.add(text, signature)
        if not text:
            return []
        delta = ThinkingDelta if is_thought else TextDelta
        return [delta(text, block_index=run.block_index)]

    def _run(self, text: str, signature: str, *, is_thought: bool) -> TextRun:
        last = self._blocks[-1] if self._blocks else None
        if isinstance(last, TextRun) and last.is_continued_by(
            text, signature, is_thought=is_thought
        ):
            return last
        run = TextRun(len(self._blocks), is_thought=is_thought)
        self._blocks.append(run)
        return run

    def _call(self, part: Json) -> list[ModelEvent]:
        fragment = part["functionCall"]
        if not isinstance(fragment, dict):
            return []
        is_new = (call := self._continued(fragment)) is None
        if call is None:
            if not text_of(fragment, "name"):
                return self._nameless(fragment)
            call = self._new_call(fragment)
        call.signature = call.signature or text_of(part, "thoughtSignature")
        try:
            call.add(fragment)
        except PlaceError as error:
            fault = f"{error} in the call of {call.name!r}"
            raise malformed_answer(self._profile.name, fault) from error
        if not is_new and not call.is_closed:
            return []
        arguments = call.arguments if call.is_closed else ""
        index = call.block_index
        return [ToolCallDelta(call.call_id, call.name, arguments, block_index=index)]

    def _continued(self, fragment: Json) -> CallDraft | None:
        """The open call that a fragment goes on with: only its first one needs a name."""
        last = self._last_call
        if last is None or last.is_closed:
            return None
        sent_id = text_of(fragment, "id")
        if sent_id and sent_id == last.sent_id:
            return last
        return last if not sent_id and not text_of(fragment, "name") else None

    def _nameless(self, fragment: Json) -> list[ModelEvent]:
        """A fragment of no open call; only one that asks for nothing can be left out."""
        if object_of(fragment, "args") or list_of(fragment, "partialArgs"):
            fault = "arguments in it belong to no open call and have no name"
            raise malformed_answer(self._profile.name, fault)
        return []

    def _new_call(self, fragment: Json) -> CallDraft:
        index = len(self._blocks)
        call_id = sent_id = text_of(fragment, "id")
        if not call_id or call_id in self._call_ids:
            call_id = f"{self._response_id or 'call'}-{index}"
        call = CallDraft(index, call_id, text_of(fragment, "name"), sent_id)
        self._call_ids.add(call_id)
        self._last_call = call
        self._blocks.append(call)
        return call

    def _inline(self, part: Json) -> list[ModelEvent]:
        try:
            self._blocks.append(image_block(part, self._provenance))
        except ValueError as error:
            raise malformed_answer(self._profile.name, str(error), transient=False) from error
        return []

    def _other(self, part: Json) -> list[ModelEvent]:
        self._blocks.append(raw_block(part, part_kind(part), self._provenance))
        return []

    def _closed_blocks(self) -> dict[int, AssistantBlock]:
        """The blocks by their index; a call that was cut off with the answer is left out."""
        blocks: dict[int, AssistantBlock] = {}
        for index, block in enumerate(self._blocks):
            if isinstance(block, CallDraft) and not block.is_closed:
                if self._finish_reason in COMPLETE:
                    raise open_call(self._profile.name, block.name)
                continue
            if isinstance(block, TextRun | CallDraft):
                blocks[index] = block.block(self._provenance)
            else:
                blocks[index] = block
        return blocks

    def _cite(self, blocks: dict[int, AssistantBlock]) -> list[ModelEvent]:
        """Put citations on the texts, and the search that found them after all blocks."""
        grounding = self._beside.get("groundingMetadata", {})
        recited = self._beside.get("citationMetadata", {})
        found: dict[int, list[Citation]] = {}
        events: list[ModelEvent] = []
        for index, citation in citations_of(grounding, recited, _cited_texts(blocks)):
            found.setdefault(index, []).append(citation)
            events.append(CitationFound(citation, block_index=index))
        for index, citations in found.items():
            blocks[index] = msgspec.structs.replace(
                blocks[index], citations=tuple(citations), provenance=self._provenance
            )
        url_context = self._beside.get("urlContextMetadata", {})
        hosted = grounding_block(grounding, url_context, self._provenance)
        if hosted is not None:
            blocks[len(self._blocks)] = hosted
            events.append(HostedToolChanged(hosted, block_index=len(self._blocks)))
        return events

    def _stop_reason(self, blocks: Mapping[int, AssistantBlock]) -> StopReason:
        reason = stop_reason_of(self._finish_reason)
        has_calls = any(isinstance(block, ToolCallBlock) for block in blocks.values())
        return StopReason.TOOL_USE if has_calls and reason is StopReason.END_TURN else reason


def _cited_texts(blocks: Mapping[int, AssistantBlock]) -> list[CitedText]:
    texts: list[CitedText] = []
    first_byte = 0
    for index, block in blocks.items():
        if isinstance(block, TextBlock):
            texts.append(CitedText(index, block.text, first_byte))
            first_byte = texts[-1].end_byte
    return texts
