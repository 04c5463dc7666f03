"""Messages as contents of a Gemini request.

What only its producer can read (thoughts, signatures, parts without a neutral form) goes back as
it came, and only to the provider, model and wire that made it. Parts are never merged: a signature
vouches for the very part on which it came.
"""

from collections.abc import Mapping
from typing import assert_never

import msgspec

from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    HostedToolBlock,
    ImageBlock,
    Message,
    OpaqueBlock,
    Provenance,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.json_access import decoded_json
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.call_words import called_name
from mentra_actors.providers.wires.gemini.attachments import (
    attachment_part,
    inline_part,
    is_result_part,
)
from mentra_actors.providers.wires.gemini.model_traits import traits_of
from mentra_actors.providers.wires.json_texts import arguments_object
from mentra_actors.providers.wires.plain_reasoning import plain_reasoning

__all__ = ["contents_of"]

_Part = JsonObject

_UNCHECKED_SIGNATURE = "skip_thought_signature_validator"
"""What Google documents to be sent for a call that none of its models made."""
_NOT_PARTS = frozenset({"groundingMetadata", "urlContextMetadata"})


def contents_of(message: Message, model: str, profile: Profile) -> list[_Part]:
    """One message as at most one content; the server refuses contents without parts."""
    match message:
        case UserMessage():
            role, parts = "user", _user_parts(message, profile)
        case AssistantMessage():
            role, parts = "model", _model_parts(message, model, profile)
        case ToolResultsMessage():
            role, parts = "user", _result_parts(message, model, profile)
        case _:
            assert_never(message)
    return [{"role": role, "parts": parts}] if parts else []


def _user_parts(message: UserMessage, profile: Profile) -> list[_Part]:
    texts = [{"text": message.text}] if message.text else []
    return texts + [attachment_part(one, profile) for one in message.attachments]


def _result_parts(message: ToolResultsMessage, model: str, profile: Profile) -> list[_Part]:
    """The results, then what is attached to them and cannot stand within them."""
    responses: list[_Part] = []
    following: list[_Part] = []
    for result in message.results:
        parts = [attachment_part(one, profile) for one in result.attachments]
        takes_parts = traits_of(model).takes_result_parts
        within = [part for part in parts if takes_parts and is_result_part(part)]
        after = [part for part in parts if part not in within]
        responses.append(_response_part(result, within))
        if after:
            following += [{"text": f"Attached to the result of {called_name(result)}:"}, *after]
    return responses + following


def _response_part(result: ToolResultBlock, within: list[_Part]) -> _Part:
    response: _Part = {
        "id": result.call_id,
        "name": called_name(result),
        "response": {"error": result.content} if result.is_error else {"output": _output(result)},
    }
    if within:
        response["parts"] = within
    return {"functionResponse": response}


def _output(result: ToolResultBlock) -> object:
    """What the tool returned: its data where it is JSON that can be read, else its words."""
    found = decoded_json(result.content) if result.is_json else None
    return result.content if found is None else found


def _model_parts(message: AssistantMessage, model: str, profile: Profile) -> list[_Part]:
    own = profile.provenance(model)
    parts = [
        part for block in message.blocks if (part := _model_part(block, own, profile)) is not None
    ]
    if traits_of(model).needs_signatures:
        _sign_first_call(parts)
    return parts


def _sign_first_call(parts: list[_Part]) -> None:
    """Of calls that stand side by side, the model signs the first, and asks for that again."""
    call = next((part for part in parts if "functionCall" in part), None)
    if call is not None:
        call.setdefault("thoughtSignature", _UNCHECKED_SIGNATURE)


def _model_part(block: AssistantBlock, own: Provenance, profile: Profile) -> _Part | None:
    """The part of a block; None where it has nothing to say to this model."""
    match block:
        case TextBlock():
            return _text_part(block, own)
        case RefusalBlock():
            return {"text": block.text} if block.text else None
        case ThinkingBlock():
            return _thought_part(block, own, profile)
        case ToolCallBlock():
            return _call_part(block, own)
        case OpaqueBlock():
            return _raw_part(block, own, profile)
        case HostedToolBlock():
            return _hosted_part(block, own, profile)
        case ImageBlock():
            return _image_part(block)
        case _:
            assert_never(block)


def _text_part(block: TextBlock, own: Provenance) -> _Part | None:
    signed = _signature(block, own)
    return {"text": block.text, **signed} if block.text or signed else None


def _thought_part(block: ThinkingBlock, own: Provenance, profile: Profile) -> _Part | None:
    if block.provenance != own or not profile.replays_reasoning:
        return {"text": plain_reasoning(block)}
    text, signed = "\n\n".join(block.parts), _signature(block, own)
    return {"text": text, "thought": True, **signed} if text or signed else None


def _call_part(block: ToolCallBlock, own: Provenance) -> _Part:
    call = {
        "id": block.call_id,
        "name": called_name(block),
        "args": arguments_object(block.arguments),
    }
    return {"functionCall": call, **_signature(block, own)}


def _image_part(image: ImageBlock) -> _Part | None:
    """An image that some model made; one whose bytes are elsewhere is only named."""
    if image.data and image.media_type:
        return inline_part(image.data, image.media_type)
    return {"text": f"[image at {image.url}]"} if image.url else None


def _signature(block: TextBlock | ThinkingBlock | ToolCallBlock, own: Provenance) -> _Part:
    if block.signature and block.provenance == own:
        return {"thoughtSignature": block.signature}
    return {}


def _raw_part(
    block: OpaqueBlock | HostedToolBlock, own: Provenance, profile: Profile
) -> _Part | None:
    """The part as it came; what stood beside the parts of an answer is no part."""
    if block.provenance != own or not profile.replays_opaque:
        return None
    part = msgspec.json.decode(block.raw)
    return part if isinstance(part, dict) and _NOT_PARTS.isdisjoint(part) else None


def _hosted_part(block: HostedToolBlock, own: Provenance, profile: Profile) -> _Part | None:
    """A hosted tool's part; that of an image gets its bytes again, or is left out without them."""
    part = _raw_part(block, own, profile)
    if part is None or not isinstance(part.get("inlineData"), Mapping):
        return part
    image = next((image for image in block.images if image.data), None)
    return {**part, **inline_part(image.data, image.media_type)} if image else None
