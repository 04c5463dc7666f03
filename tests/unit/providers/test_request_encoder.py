"""A long conversation is encoded once, and the bytes say what the builder builds."""

import json
from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import ModelRequest, ToolSpec
from mentra_actors.providers import joined_prefix
from mentra_actors.providers.joined_prefix import JoinedPrefix
from mentra_actors.providers.presets import ANTHROPIC, OPENAI
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.request_encoder import RequestEncoder
from mentra_actors.providers.wires import responses_wire
from mentra_actors.providers.wires.contract import whole_body
from mentra_actors.providers.wires.known import WIRES
from mentra_actors.providers.wires.responses.request import input_items
from mentra_actors.providers.wires.responses_wire import RESPONSES

_MODEL = "gpt-5.5"
_OWN = OPENAI.provenance(_MODEL)
_TOOL = ToolSpec(name="search", description="Find it.", input_schema='{"type":"object"}')
_THINKING = ThinkingBlock(parts=("a",), item_id="rs_1", encrypted="enc", provenance=_OWN)
_TEXT = TextBlock(text="looking", item_id="msg_1")
_CALL = ToolCallBlock(call_id="call_1", name="search", arguments='{"q":1}', item_id="fc_1")


def _conversation(count: int) -> list[Message]:
    rounds: list[list[Message]] = [
        [
            UserMessage(text=f"question {index}"),
            AssistantMessage(blocks=(_THINKING, _TEXT, _CALL), provenance=_OWN),
            ToolResultsMessage(
                results=(ToolResultBlock(call_id="call_1", name="search", content="é\u2028"),)
            ),
            AssistantMessage(blocks=()),
        ]
        for index in range(count)
    ]
    return [message for messages in rounds for message in messages]


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """The messages that were encoded, in order."""
    seen: list[Message] = []

    def spy(message: Message, model: str, profile: Profile) -> list[dict[str, Any]]:
        seen.append(message)
        return input_items(message, model, profile)

    monkeypatch.setattr(responses_wire, "input_items", spy)
    return seen


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_encoder_writes_what_the_builder_builds(count: int) -> None:
    """The fast path and the plain one must say the same."""
    request = ModelRequest(model=_MODEL, messages=_conversation(count), tools=(_TOOL,), system="x")
    encoder = RequestEncoder(RESPONSES, OPENAI)

    assert json.loads(encoder.encode(request)) == whole_body(RESPONSES, request, OPENAI)
    assert json.loads(encoder.encode(request)) == whole_body(RESPONSES, request, OPENAI)


def test_the_next_round_encodes_only_its_own_messages(encoded: list[Message]) -> None:
    """Encoding the whole history at each call would make a long run quadratic."""
    messages = _conversation(50)
    encoder = RequestEncoder(RESPONSES, OPENAI)
    encoder.encode(ModelRequest(model=_MODEL, messages=tuple(messages)))
    encoded.clear()
    added = _conversation(1)

    encoder.encode(ModelRequest(model=_MODEL, messages=(*messages, *added)))

    assert encoded == added


def test_another_model_gets_its_own_encoding() -> None:
    """What goes back depends on the model, so a fragment of one must not serve another."""
    messages = tuple(_conversation(1))
    encoder = RequestEncoder(RESPONSES, OPENAI)
    encoder.encode(ModelRequest(model=_MODEL, messages=messages))
    other = ModelRequest(model="gpt-5.4", messages=messages)

    assert json.loads(encoder.encode(other)) == whole_body(RESPONSES, other, OPENAI)


def test_the_cache_is_bounded(encoded: list[Message]) -> None:
    """A process that serves many agents must not keep all their transcripts twice."""
    encoder = RequestEncoder(RESPONSES, OPENAI, max_cached_bytes=5_000)
    old, new = _conversation(1), _conversation(40)
    for messages in (old, new, old):
        request = ModelRequest(model=_MODEL, messages=tuple(messages))
        assert json.loads(encoder.encode(request)) == whole_body(RESPONSES, request, OPENAI)

    assert sum(message is old[0] for message in encoded) == 4
    assert encoder._cached_bytes <= 5_000


def test_a_message_in_the_cache_is_kept_alive() -> None:
    """The cache knows messages by identity, and an identity is used again after its owner dies."""
    encoder = RequestEncoder(RESPONSES, OPENAI)
    for index in range(200):
        request = ModelRequest(model="m", messages=(UserMessage(text=f"{index}"),))
        assert json.loads(encoder.encode(request)) == whole_body(RESPONSES, request, OPENAI)


_SHAPES = st.lists(
    st.tuples(
        st.sampled_from(["grow", "cut", "replace", "say behind", "other"]), st.integers(0, 12)
    ),
    max_size=8,
)


@pytest.mark.parametrize("profile", [OPENAI, ANTHROPIC], ids=lambda profile: profile.name)
@forall(_SHAPES)
def test_what_was_joined_before_never_shows_in_another_request(
    profile: Profile, shapes: list[tuple[str, int]]
) -> None:
    """Results become stubs, branches begin in the middle, reminders come and go at the end."""
    encoder, wire = RequestEncoder(WIRES[profile.wire], profile), WIRES[profile.wire]
    messages = _conversation(2)
    for shape, place in shapes:
        at = place % (len(messages) + 1)
        behind: list[Message] = []
        match shape:
            case "grow":
                messages = [*messages, *_conversation(1)]
            case "cut":
                messages = messages[:at]
            case "replace":
                messages = [*messages[:at], UserMessage(text=f"stub {place}"), *messages[at + 1 :]]
            case "say behind":
                behind = [UserMessage(text=f"reminder {place}", source="notice")]
            case "other":
                messages = _conversation(place % 3)
        request = ModelRequest(model=_MODEL, messages=(*messages, *behind), system="x")

        assert json.loads(encoder.encode(request)) == whole_body(wire, request, profile)


def test_a_prefix_asks_only_for_what_is_new() -> None:
    """The bytes of ten thousand messages are not to be put together in every round."""
    asked: list[Message] = []

    def encoded(message: Message) -> bytes:
        asked.append(message)
        return b"1" if isinstance(message, UserMessage) else b""

    first, second, third = (UserMessage(text=word) for word in "abc")
    empty = AssistantMessage(blocks=())
    prefix = JoinedPrefix()
    prefix.follow([first, empty, second], 3, encoded)
    prefix.follow([first, empty, second, third], 4, encoded)
    prefix.follow([first, empty, third], 3, encoded)

    assert asked == [first, empty, second, third, third]
    assert b"".join(prefix.parts) == b",1,1"


@forall(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), max_size=12))
def test_parts_of_a_prefix_stay_as_they_are(steps: list[tuple[int, int]]) -> None:
    """They may be on their way while the next request is made, or another branch."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(joined_prefix, "SEGMENT_BYTES", 16)
        prefix, messages, made = JoinedPrefix(), list[Message](), []
        for number, (left, added) in enumerate(steps):
            new = [UserMessage(text=f"{number}.{n}") for n in range(added)]
            messages = [*messages[:left], *new]
            prefix.follow(messages, len(messages), text_of_user)
            whole = b"".join(b"," + text_of_user(one) for one in messages)
            made.append((prefix.parts, whole))

    assert all(b"".join(parts) == whole for parts, whole in made)


def text_of_user(message: Message) -> bytes:
    assert isinstance(message, UserMessage)
    return message.text.encode()
