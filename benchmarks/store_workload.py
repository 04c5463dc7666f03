"""What the store benchmark writes: events of about 300 bytes in 1000 streams, and their fold.

The words vary, so that a compressor finds no more than in a real log. Everything comes from a
fixed seed: all sides of a comparison write the same.
"""

import random
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate, cycle, islice

import msgspec

from mentra_actors.codec.event_codec import EventCodec
from mentra_actors.decider import Decider
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import AppendRequest, EncodedEvent, Fence, StreamAppend

STREAMS = 1000
POOL = 4096
"""Different events; a longer run repeats them."""
_WORDS = 2000
_FENCE = Fence("writer", 1)
_BEGUN_NS = 1_760_000_000_000_000_000


class ModelAnswered(msgspec.Struct, frozen=True, tag="bench.model_answered.v1"):
    """The larger one of two events that agents write most."""

    event_id: str
    call_id: str
    model: str
    text: str
    input_tokens: int
    output_tokens: int
    stop_reason: str
    latency_s: float


class ToolEnded(msgspec.Struct, frozen=True, tag="bench.tool_ended.v1"):
    """The other one."""

    event_id: str
    call_id: str
    name: str
    output: str
    seconds: float
    is_error: bool


Event = ModelAnswered | ToolEnded
CODEC = EventCodec((ModelAnswered, ToolEnded))


class Spent(msgspec.Struct, frozen=True):
    """What the fold knows: enough to be worth folding."""

    answers: int = 0
    tools: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    last_call: str = ""


def evolve(state: Spent, event: Event) -> Spent:
    """The next state."""
    match event:
        case ModelAnswered(input_tokens=read, output_tokens=written, call_id=call):
            return Spent(
                state.answers + 1,
                state.tools,
                state.input_tokens + read,
                state.output_tokens + written,
                call,
            )
        case ToolEnded(call_id=call):
            tools = state.tools + 1
            return Spent(state.answers, tools, state.input_tokens, state.output_tokens, call)


SPENDING: Decider[Event, Event, Spent, None] = Decider(
    category="agent",
    initial=Spent(),
    event_types=frozenset((ModelAnswered, ToolEnded)),
    decide=lambda command, _state: (command,),
    evolve=evolve,
    pending=lambda _state: {},
)


def stream_id(number: int) -> StreamId:
    """One of the `STREAMS`."""
    return StreamId(f"agent-{number % STREAMS:06d}")


def some_events(count: int = POOL) -> list[Event]:
    """The same ones in every run; their encoded bytes are 300 on the average."""
    return list(islice(cycle(different_events(min(count, POOL))), count))


def different_events(count: int) -> list[Event]:
    """The same ones in every run; none comes twice."""
    source = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(source.choices(letters, k=source.randint(2, 9))) for _ in range(_WORDS)]
    # As in a language: the second word is half as frequent as the first, and so on.
    frequency = list(accumulate(1 / rank for rank in range(1, _WORDS + 1)))
    return [_event(source, words, frequency) for _ in range(count)]


def _event(source: random.Random, words: Sequence[str], frequency: Sequence[float]) -> Event:
    event_id, call_id = source.randbytes(8).hex(), f"call_{source.randbytes(6).hex()}"
    text = " ".join(source.choices(words, cum_weights=frequency, k=source.randint(8, 30)))
    if source.random() < 0.5:
        output = f"{text} {text[::2]}"
        return ToolEnded(event_id, call_id, "read_file", output, 0.25, is_error=False)
    return ModelAnswered(
        event_id,
        call_id,
        "openai:gpt-5.4-mini",
        text,
        source.randint(500, 90_000),
        source.randint(5, 900),
        "tool_use",
        source.random(),
    )


def agent_sizes(events: int) -> list[int]:
    """How many events each append of an agent has, `events` in all: 3 to 10, as turns have."""
    source = random.Random(11)
    sizes: list[int] = []
    while events:
        sizes.append(min(source.randint(3, 10), events))
        events -= sizes[-1]
    return sizes


@cache
def encoded_events() -> Sequence[EncodedEvent]:
    """`some_events` as bytes, before any clock runs."""
    return encoded(some_events())


def encoded(events: Iterable[Event]) -> Sequence[EncodedEvent]:
    """Events as a store takes them."""
    return [EncodedEvent(*CODEC.encode(event)) for event in events]


class Requests:
    """Appends in the order in which actors make them; knows the version of every stream."""

    def __init__(self, events: Sequence[EncodedEvent] | None = None) -> None:
        """`events` are repeated when they come to an end."""
        self.taken = 0
        self._events = encoded_events() if events is None else events
        self._versions = [0] * STREAMS

    def take(self, number: int, events: int = 1) -> AppendRequest:
        """The next append of one stream, with what a real one carries besides events."""
        start = self.taken % (len(self._events) - events)
        self.taken += events
        expected = self._versions[number % STREAMS]
        self._versions[number % STREAMS] = expected + events
        chosen = tuple(self._events[start : start + events])
        return AppendRequest(
            streams=(
                StreamAppend(
                    stream_id=stream_id(number), events=chosen, expected_version=expected
                ),
            ),
            fence=_FENCE,
            recorded_at_ns=_BEGUN_NS + self.taken,
            causation="AcceptPrompt",
            correlation="run-7f3a9c51d2e8",
        )
