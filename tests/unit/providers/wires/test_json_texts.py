"""JSON texts that some wires send as objects: what cannot be read is no crash."""

import pytest

from mentra_actors.errors import ProviderError
from mentra_actors.providers.presets import ANTHROPIC
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES
from mentra_actors.providers.wires.json_texts import arguments_object, schema_object

_DEEP = '{"a":' + "[" * 5_000 + "]" * 5_000 + "}"


@pytest.mark.parametrize("arguments", [_DEEP, "{", "[]", "", "null"])
def test_arguments_that_cannot_be_read_are_empty(arguments: str) -> None:
    """A model may write anything, and the call stays in the conversation for ever."""
    assert arguments_object(arguments) == {}


@pytest.mark.parametrize("schema", [_DEEP, "{", "[]"])
def test_a_schema_that_cannot_be_read_is_refused(schema: str) -> None:
    """The error says whose schema it is; nothing was sent."""
    with pytest.raises(ProviderError, match="tool 'f'") as refused:
        schema_object(schema, "tool 'f'")

    assert refused.value.kind == "invalid_request"


def test_work_of_the_server_with_deep_input_is_still_told() -> None:
    """Its input is a text in the stream; what cannot be read of it counts as nothing."""
    decoder = ANTHROPIC_MESSAGES.decoder("m", ANTHROPIC)
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": _DEEP}
    decoder.feed({"type": "content_block_start", "index": 0, "content_block": block})
    decoder.feed({"type": "content_block_delta", "index": 0, "delta": delta})

    assert len(decoder.feed({"type": "content_block_stop", "index": 0})) == 1
