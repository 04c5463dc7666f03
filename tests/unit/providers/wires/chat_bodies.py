"""Bodies of requests on the chat wire, for tests."""

from typing import Any

import msgspec

from mentra_actors.domain.content import (
    Message,
    UserMessage,
)
from mentra_actors.domain.model_call import (
    ModelRequest,
)
from mentra_actors.providers.presets import GENERIC_CHAT, OPENAI
from mentra_actors.providers.profile import Capabilities, Profile

CHAT_OPENAI = msgspec.structs.replace(OPENAI, wire="chat_completions")
HI = UserMessage(text="hi")


BARE = msgspec.structs.replace(
    GENERIC_CHAT,
    takes_tool_choice=False,
    takes_image_urls=False,
    capabilities=Capabilities(
        images=False, tool_calls=False, structured_output=False, reasoning_effort=False
    ),
)
FEW = msgspec.structs.replace(GENERIC_CHAT, takes_tool_choice=False, takes_image_urls=False)


def profile_with(profile: Profile = GENERIC_CHAT, **changes: Any) -> Profile:
    return msgspec.structs.replace(profile, **changes)


def request_of(*messages: Message, **fields: Any) -> ModelRequest:
    return ModelRequest(model="m", messages=messages or (HI,), **fields)
