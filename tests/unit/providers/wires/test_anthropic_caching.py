"""Where the server is asked to cache, and that what it cached is found again."""

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
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
from mentra_actors.domain.model_call import (
    CacheOptions,
    HostedTool,
    ModelRequest,
    ProviderOptions,
    ToolSpec,
)
from mentra_actors.providers.presets import ANTHROPIC
from mentra_actors.providers.request_encoder import RequestEncoder
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES

_MODEL = "claude-opus-4-6"
_OWN = ANTHROPIC.provenance(_MODEL)
_TOOL = ToolSpec(name="search", description="", input_schema='{"type":"object"}')
_MARK = b'"cache_control":{"type":"ephemeral"}'
_LONG_MARK = {"type": "ephemeral", "ttl": "1h"}


def _request(messages: list[Message], **fields: Any) -> ModelRequest:
    return ModelRequest(
        **{"model": _MODEL, "messages": messages, "system": "s", "tools": (_TOOL,), **fields}
    )


def _encoded(request: ModelRequest) -> bytes:
    return RequestEncoder(ANTHROPIC_MESSAGES, ANTHROPIC).encode(request)


def _marked(request: ModelRequest) -> list[int]:
    """The indexes of the messages of the body whose last block is marked."""
    messages = msgspec.json.decode(_encoded(request))["messages"]
    return [i for i, one in enumerate(messages) if "cache_control" in one["content"][-1]]


def _calling(number: int) -> AssistantMessage:
    return AssistantMessage(
        blocks=(
            ThinkingBlock(parts=("hm",), signature=f"s{number}", provenance=_OWN),
            TextBlock(text=f"looking {number}"),
            ToolCallBlock(call_id=f"c{number}", name="search"),
        )
    )


def _results(number: int) -> ToolResultsMessage:
    result = ToolResultBlock(call_id=f"c{number}", name="search", content="found")
    return ToolResultsMessage(results=(result,))


def test_tools_system_and_both_ends_are_marked() -> None:
    """The end of this request, and that of the one before: its entry is found there."""
    messages = [UserMessage(text="a"), _calling(1), _results(1), _calling(2), _results(2)]

    request = _request(messages)
    body = msgspec.json.decode(_encoded(request))

    assert _marked(request) == [2, 4]
    assert "cache_control" in body["tools"][-1]
    assert "cache_control" in body["system"][0]
    assert _encoded(request).count(_MARK) == 4


def test_mail_after_results_does_not_move_the_mark_of_the_request_before() -> None:
    """Two messages came after the last answer; the entry ends before that answer."""
    messages = [UserMessage(text="a"), _calling(1), _results(1), UserMessage(text="mail")]
    assert _marked(_request(messages)) == [0, 3]


def test_a_paused_answer_leaves_the_marks_where_they_were() -> None:
    """The same history goes out again, with what the server has said so far."""
    paused = AssistantMessage(blocks=(TextBlock(text="searching"),))
    messages = [UserMessage(text="a"), _calling(1), _results(1)]
    assert _marked(_request(messages)) == _marked(_request([*messages, paused])) == [0, 2]


def test_a_tool_that_is_told_later_is_not_marked() -> None:
    """The server refuses a mark on it: what is cached is what every request begins with."""
    later = HostedTool(kind="later", options={"defer_loading": True})
    request = _request([UserMessage(text="a")], options=ProviderOptions(hosted_tools=(later,)))

    tools = msgspec.json.decode(_encoded(request))["tools"]

    assert ["cache_control" in tool for tool in tools] == [True, False]


def test_nothing_is_marked_where_it_is_switched_off() -> None:
    """Whoever has one-off requests would pay for writing and never read."""
    options = ProviderOptions(cache=CacheOptions(mode="off"))
    encoded = _encoded(_request([UserMessage(text="a")], options=options))
    assert b"cache_control" not in encoded


def test_a_long_life_is_asked_for_everywhere() -> None:
    """The server itself puts the mark at the end then, and entries of an hour come first."""
    options = ProviderOptions(cache=CacheOptions(ttl="1h"))
    request = _request([UserMessage(text="a"), _calling(1), _results(1)], options=options)

    body = msgspec.json.decode(_encoded(request))

    assert body["cache_control"] == _LONG_MARK
    assert body["tools"][-1]["cache_control"] == _LONG_MARK
    assert body["system"][0]["cache_control"] == _LONG_MARK
    assert _marked(request) == []


@given(own=st.integers(0, 6), ttl=st.sampled_from(["5m", "1h"]), system=st.sampled_from(["", "s"]))
def test_there_are_never_more_than_four_marks(own: int, ttl: Any, system: str) -> None:
    """The server answers 400 to a fifth; the caller's own marks count, and stay as they are."""
    marked = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    options = ProviderOptions(
        cache=CacheOptions(ttl=ttl),
        hosted_tools=tuple(HostedTool(kind=f"t{i}", options=marked) for i in range(own)),
    )
    messages = [UserMessage(text="a"), _calling(1), _results(1)]

    encoded = _encoded(_request(messages, options=options, system=system))

    assert encoded.count(b'"cache_control"') <= max(4, own)


_told = st.one_of(
    st.just("results"), st.text(min_size=0, max_size=4).map(lambda text: UserMessage(text=text))
)
_rounds = st.lists(st.lists(_told, min_size=1, max_size=3), min_size=1, max_size=5)


def _conversation(rounds: list[list[Any]]) -> list[list[Message]]:
    """The messages of successive requests of one conversation."""
    messages: list[Message] = [UserMessage(text="start")]
    requests = [list(messages)]
    for number, told in enumerate(rounds):
        messages.append(_calling(number))
        messages.extend(_results(number) if one == "results" else one for one in told)
        requests.append(list(messages))
    return requests


@given(rounds=_rounds)
def test_what_was_cached_is_the_beginning_of_the_next_request(rounds: list[list[Any]]) -> None:
    """One byte that changes before a mark makes the whole conversation cost anew."""
    requests = _conversation(rounds)
    for before, after in pairwise(requests):
        first, second = _encoded(_request(before)), _encoded(_request(after))

        assert max(first.count(_MARK), second.count(_MARK)) <= 4
        cached = _unmarked(first[: first.rindex(_MARK)])
        assert _unmarked(second).startswith(cached)
        last_mark = len(cached)
        ends = [len(_unmarked(part)) for part in _parts_before_marks(second)]
        assert last_mark in ends, "the entry of the request before is asked for again"


def _unmarked(encoded: bytes) -> bytes:
    return encoded.replace(b"," + _MARK, b"").rstrip(b",")


def _parts_before_marks(encoded: bytes) -> list[bytes]:
    pieces = encoded.split(_MARK)
    return [_MARK.join(pieces[: count + 1]) for count in range(len(pieces) - 1)]
