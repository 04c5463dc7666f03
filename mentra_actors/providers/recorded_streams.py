"""Answers that were recorded: from the bytes of a stream to neutral events, with no network.

    events = list(decoded_stream(ANTHROPIC, [body], model="claude-sonnet-4-6"))
    reply = events[-1].reply

The parser and the decoder are those of a live call.
"""

from collections.abc import Iterable, Iterator

from mentra_actors.providers.answer_reader import AnswerReader
from mentra_actors.providers.event_values import event_value
from mentra_actors.providers.json_access import decoded_json
from mentra_actors.providers.port import ModelEvent
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.sse import SseParser
from mentra_actors.providers.wires.known import WIRES

__all__ = ["decoded_stream"]


def decoded_stream(
    profile: Profile, pieces: Iterable[bytes], *, model: str = ""
) -> Iterator[ModelEvent]:
    """The neutral events of one answer; the last is `ReplyFinished`.

    `pieces` are the bytes of the body, cut anywhere; `model` is the one that was asked for.

    Raises:
        ProviderError: as a live call would: the stream is cut or malformed, or says an error.
    """
    wire = WIRES[profile.wire]
    reader = AnswerReader(wire.decoder(model, profile), profile)
    parser = SseParser()
    for piece in pieces:
        for event in parser.feed(piece):
            value = event_value(profile.name, event)
            if value is not None:
                yield from reader.feed(value)
    last = parser.close()
    value = None if last is None else decoded_json(last)
    if isinstance(value, dict) and wire.is_terminal(value):
        yield from reader.feed(value)
    yield from reader.finish()
