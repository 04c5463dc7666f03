"""Bodies of requests to Gemini, for tests."""

from typing import Any

from mentra_actors.domain.content import (
    UserMessage,
)
from mentra_actors.domain.model_call import (
    ModelRequest,
)
from mentra_actors.providers.presets import GEMINI
from mentra_actors.providers.wires.contract import whole_body
from mentra_actors.providers.wires.gemini_wire import GEMINI_GENERATE_CONTENT

MODEL = "gemini-3-flash-preview"
OLD = "gemini-2.5-flash"


def request_of(model: str = MODEL, **fields: Any) -> ModelRequest:
    return ModelRequest(model=model, **{"messages": [UserMessage(text="hi")], **fields})


def body_of(model: str = MODEL, **fields: Any) -> dict[str, Any]:
    return whole_body(GEMINI_GENERATE_CONTENT, request_of(model, **fields), GEMINI)
