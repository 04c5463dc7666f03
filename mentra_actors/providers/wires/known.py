"""All wires by name."""

from collections.abc import Mapping
from types import MappingProxyType

from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES
from mentra_actors.providers.wires.chat_wire import CHAT_COMPLETIONS
from mentra_actors.providers.wires.contract import Wire
from mentra_actors.providers.wires.gemini_wire import GEMINI_GENERATE_CONTENT
from mentra_actors.providers.wires.responses_wire import RESPONSES

__all__ = ["WIRES"]

WIRES: Mapping[str, Wire] = MappingProxyType(
    {
        wire.name: wire
        for wire in (ANTHROPIC_MESSAGES, CHAT_COMPLETIONS, GEMINI_GENERATE_CONTENT, RESPONSES)
    }
)
