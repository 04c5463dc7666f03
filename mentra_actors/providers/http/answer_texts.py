"""What servers say in an answer, as it may be shown and stored: without keys, and not too long."""

import msgspec

from mentra_actors.domain.model_call import ModelReply
from mentra_actors.errors import ProviderError
from mentra_actors.providers.http.call import HttpCall
from mentra_actors.providers.port import AnswerStarted, ModelEvent, ReplyFinished

__all__ = ["clean_error", "clean_event"]


def clean_error(error: ProviderError, call: HttpCall, request_id: str | None) -> ProviderError:
    """The error without keys; what caused it may repeat them, so it is let go."""
    error.args = (call.redacted(str(error)),)
    error.code = call.label(error.code) if error.code else None
    request_id = error.request_id or request_id
    error.request_id = call.label(request_id) if request_id else None
    error.phase = error.phase or "streaming"
    error.__cause__ = error.__context__ = None
    return error


def clean_event(event: ModelEvent, call: HttpCall, request_id: str | None) -> ModelEvent:
    """The event with the id of its request, and with ids and names of a bounded size."""
    match event:
        case AnswerStarted():
            return msgspec.structs.replace(
                event,
                model=call.label(event.model),
                response_id=call.label(event.response_id),
                headers={name: call.redacted(value) for name, value in event.headers.items()},
            )
        case ReplyFinished():
            return ReplyFinished(_clean_reply(event.reply, call, request_id))
        case _:
            return event


def _clean_reply(reply: ModelReply, call: HttpCall, request_id: str | None) -> ModelReply:
    return msgspec.structs.replace(
        reply,
        request_id=call.label(request_id or reply.request_id),
        response_id=call.label(reply.response_id),
        model=call.label(reply.model),
        raw_stop_reason=call.label(reply.raw_stop_reason),
    )
