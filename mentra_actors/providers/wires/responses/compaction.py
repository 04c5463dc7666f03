"""A conversation that the server has compacted: an item that only it reads, plain messages."""

import msgspec

from mentra_actors.domain.content import OpaqueBlock
from mentra_actors.providers.catalogue import RemoteCompaction
from mentra_actors.providers.json_access import Json, list_of, object_of, text_of
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.responses.ending import token_usage

__all__ = ["remote_compaction"]

_ITEMS = ("compaction", "compaction_summary")


def remote_compaction(result: Json, model: str, profile: Profile) -> RemoteCompaction:
    """What takes the place of the conversation.

    The words of people that the server repeats are left out: they are kept without it.
    """
    items = list_of(result, "output")
    blocks = tuple(
        OpaqueBlock(
            item_type=text_of(item, "type"),
            raw=msgspec.json.encode(item).decode(),
            provenance=profile.provenance(model),
        )
        for item in items
        if text_of(item, "type") in _ITEMS
    )
    said = [
        text_of(part, "text")
        for item in items
        if text_of(item, "type") == "message" and text_of(item, "role") == "assistant"
        for part in list_of(item, "content")
    ]
    return RemoteCompaction(
        blocks=blocks,
        text="\n".join(filter(None, said)),
        usage=token_usage(object_of(result, "usage")),
    )
