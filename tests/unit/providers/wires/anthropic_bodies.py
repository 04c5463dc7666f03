"""Bodies of requests on the Messages wire, and refusals, for tests."""

from typing import Any

import pytest

from mentra_actors.domain.content import (
    UserMessage,
)
from mentra_actors.domain.model_call import (
    ModelRequest,
    ToolSpec,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.presets import ANTHROPIC
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES
from mentra_actors.providers.wires.contract import whole_body

MODEL = "claude-opus-4-6"
HELLO = (UserMessage(text="hello"),)
SCHEMA = '{"type":"object","properties":{"q":{"type":"string"}}}'
TOOL = ToolSpec(name="search", description="Find it.", input_schema=SCHEMA)


def body_of(**fields: Any) -> dict[str, Any]:
    request = ModelRequest(**{"model": MODEL, "messages": HELLO, **fields})
    return whole_body(ANTHROPIC_MESSAGES, request, ANTHROPIC)


def refusal_of(**fields: Any) -> str:
    with pytest.raises(ProviderError) as raised:
        body_of(**fields)
    assert raised.value.kind == "invalid_request"
    assert not raised.value.transient
    return str(raised.value)
