"""What a server does not offer is refused on every wire, before anything is sent."""

from typing import Any, get_args

import msgspec
import pytest

from mentra_actors.domain.model_call import (
    HostedTool,
    ModelRequest,
    OutputSchema,
    ProviderOptions,
    ReasoningOptions,
    ToolSpec,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.presets import GENERIC
from mentra_actors.providers.profile import Capabilities, WireName
from mentra_actors.providers.wires.contract import whole_body
from mentra_actors.providers.wires.known import WIRES

_TOOL = ToolSpec(name="f", description="", input_schema='{"type":"object"}')
_LATER = msgspec.structs.replace(_TOOL, is_deferred=True)
_HOSTED = ProviderOptions(hosted_tools=(HostedTool(kind="web_search"),))
_ALL = Capabilities(hosted_tools=True, hosted_tool_search=True)


@pytest.mark.parametrize("wire", get_args(WireName))
@pytest.mark.parametrize(
    ("capability", "fields", "words"),
    [
        ("tool_calls", {"tools": (_TOOL,)}, "takes no tools: offer none"),
        ("hosted_tools", {"options": _HOSTED}, r"leave out ProviderOptions\(hosted_tools="),
        ("structured_output", {"output": OutputSchema(name="o", schema="{}")}, "leave out output"),
        ("reasoning_effort", {"reasoning": ReasoningOptions(effort="low")}, "how to reason"),
    ],
)
def test_what_a_server_does_not_offer_is_refused(
    wire: WireName, capability: str, fields: dict[str, Any], words: str
) -> None:
    """A flag that one of the wires did not read would promise what nobody keeps."""
    request = ModelRequest(model="m", messages=(), **fields)
    offers = msgspec.structs.replace(_ALL, **{capability: False})
    server = msgspec.structs.replace(GENERIC, wire=wire, capabilities=_ALL)

    assert whole_body(WIRES[wire], request, server)
    without = msgspec.structs.replace(server, capabilities=offers)
    with pytest.raises(ProviderError, match=words) as caught:
        whole_body(WIRES[wire], request, without)

    assert caught.value.kind == "invalid_request"


@pytest.mark.parametrize("wire", get_args(WireName))
def test_tools_that_nobody_would_find_are_refused(wire: WireName) -> None:
    """A tool that is told to nobody is a tool that is never called."""
    request = ModelRequest(model="m", messages=(), tools=(_LATER,))
    server = msgspec.structs.replace(GENERIC, wire=wire)

    with pytest.raises(ProviderError, match="search") as caught:
        whole_body(WIRES[wire], request, server)

    assert caught.value.kind == "invalid_request"
