"""Chunks of a Chat Completions answer to neutral events: a pure state machine for one answer.

Nothing in the wire says that a call or a text is closed; a `finish_reason` ends all of them. An
error may still follow it, and usage usually does, so the answer is whole when the stream ends.
"""

from collections.abc import Mapping

from mentra_actors.domain.content import AssistantBlock, RefusalBlock, ToolCallBlock
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.providers.json_access import Json, list_of, object_of, text_of, whole_of
from mentra_actors.providers.port import AnswerStarted, ModelEvent, ReplyFinished, UsageReported
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import in_band_error, malformed_answer
from mentra_actors.providers.wires.chat.content import AnswerContent
from mentra_actors.providers.wires.chat.usage import token_usage, usage_of
from mentra_actors.providers.wires.counts import cost_of

__all__ = ["ChatDecoder", "error_of", "finish_reason_of"]

_STOP_REASONS: Mapping[str, StopReason] = {
    "stop": StopReason.END_TURN,
    "eos": StopReason.END_TURN,
    "end_turn": StopReason.END_TURN,
    "tool_calls": StopReason.END_TURN,
    "function_call": StopReason.END_TURN,
    "tool_use": StopReason.END_TURN,
    "length": StopReason.MAX_TOKENS,
    "max_tokens": StopReason.MAX_TOKENS,
    "model_length": StopReason.CONTEXT_EXCEEDED,
    "context_length_exceeded": StopReason.CONTEXT_EXCEEDED,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "content_filter": StopReason.CONTENT_FILTER,
    "refusal": StopReason.REFUSAL,
    "pause_turn": StopReason.PAUSE,
}
"""Whether an answer waits for results is seen from its calls, whatever the word."""
_WHOLE = frozenset({StopReason.END_TURN, StopReason.STOP_SEQUENCE})
_ERROR = "error"


class ChatDecoder:
    """Feed it each chunk in order, then `finish`. `model` is the model that was asked for."""

    def __init__(self, model: str, profile: Profile) -> None:
        self._profile = profile
        self._model = model
        self._content = AnswerContent(profile, profile.provenance(model))
        self._has_started = False
        self._is_finished = False
        self._answering_model = ""
        self._response_id = ""
        self._finish_reason = ""
        self._usage: Json = {}

    @property
    def is_finished(self) -> bool:
        """Whether `ReplyFinished` was given."""
        return self._is_finished

    def feed(self, event: Json) -> list[ModelEvent]:
        """The neutral events that a chunk gives.

        Raises:
            ProviderError: `in_band`: the server reported an error, be it after the end.
        """
        if self._is_finished:
            return []
        choice = _choice_of(event)
        if self._finish_reason:
            self._content.end_calls()
        self._finish_reason = finish_reason_of(event) or self._finish_reason
        if (error := error_of(event)) is not None:
            self._is_finished = True
            raise in_band_error(self._profile.name, error)
        message = object_of(choice, "delta") or object_of(choice, "message")
        return [*self._started(event), *self._content.feed(event, message), *self._counted(event)]

    def finish(self) -> list[ModelEvent]:
        """Say that no chunk follows.

        Raises:
            ProviderError: `malformed_stream`: the answer has not ended.
        """
        if self._is_finished:
            return []
        if not self._finish_reason:
            raise malformed_answer(self._profile.name, "it ended before the answer did")
        self._is_finished = True
        stop_reason = _STOP_REASONS.get(self._finish_reason, StopReason.OTHER)
        last = self._content.close()
        blocks = self._content.blocks(is_cut=stop_reason not in _WHOLE)
        return [*last, ReplyFinished(self._reply(blocks, stop_reason))]

    def _started(self, event: Json) -> list[ModelEvent]:
        self._answering_model = text_of(event, "model") or self._answering_model
        self._response_id = self._response_id or text_of(event, "id")
        if self._has_started:
            return []
        self._has_started = True
        return [AnswerStarted(model=self._answering_model, response_id=self._response_id)]

    def _counted(self, event: Json) -> list[ModelEvent]:
        usage = usage_of(event)
        if not usage or usage == self._usage:
            return []
        self._usage = usage
        return [UsageReported(token_usage(usage))]

    def _reply(self, blocks: tuple[AssistantBlock, ...], stop_reason: StopReason) -> ModelReply:
        if stop_reason is StopReason.END_TURN:
            if any(isinstance(block, ToolCallBlock) for block in blocks):
                stop_reason = StopReason.TOOL_USE
            elif any(isinstance(block, RefusalBlock) for block in blocks):
                stop_reason = StopReason.REFUSAL
        return ModelReply(
            blocks=blocks,
            stop_reason=stop_reason,
            raw_stop_reason=self._finish_reason,
            usage=token_usage(self._usage),
            response_id=self._response_id,
            model=self._answering_model or self._model,
            provenance=self._profile.provenance(self._model),
            cost_usd_micros=cost_of(self._usage),
        )


def finish_reason_of(event: Json) -> str:
    """The word for the end of the answer; empty where the chunk is not the end."""
    return text_of(_choice_of(event), "finish_reason")


def error_of(event: Json) -> Json | None:
    """The error that a chunk or a whole result reports, if it is one."""
    choice = _choice_of(event)
    for holder in (event, choice):
        error = _error_object(holder.get(_ERROR))
        if error:
            return error
    if text_of(event, "object") == _ERROR:
        return event
    if text_of(choice, "finish_reason") == _ERROR:
        return {"message": "the answer ended with an error that the server does not explain"}
    return None


def _error_object(error: object) -> Json | None:
    if isinstance(error, str) and error:
        return {"message": error}
    return error if isinstance(error, dict) and error else None


def _choice_of(event: Json) -> Json:
    """The only choice that was asked for."""
    choices = list_of(event, "choices")
    return next((choice for choice in choices if whole_of(choice, "index") == 0), {})
