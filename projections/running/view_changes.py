"""What is told to whoever shows views: one snapshot, then the changes from it.

All of it is data that is JSON without ado: `msgspec.json.encode(event)` has the `kind` of each.
A change has the whole part, so that it may be taken twice, and in the place of an older one.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from mentra_actors.ids import EffectId, StreamId

__all__ = [
    "AnswerPiece",
    "ToolLine",
    "ViewChange",
    "ViewEvent",
    "ViewFailed",
    "ViewSnapshot",
    "ViewsReached",
]


class ViewChange(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="view_change"):
    """One part of one view, as it is now; the last event that touched it is at `position`."""

    view: str
    key: str
    position: int
    part: Any


class ViewsReached(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="views_reached"
):
    """All views are as of `position`: nothing is half told."""

    position: int


class ViewFailed(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="view_failed"):
    """A projection raised at `position`, which is a bug in it: its view stays as it is."""

    view: str
    position: int
    cause: str


class AnswerPiece(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="answer_piece"):
    """New text of an answer that is being given by the agent of a stream.

    It begins at `offset` (characters) of all that has come of it. What the answer is in the end
    comes as a change of the views that have it; its pieces are over then.
    """

    stream_id: StreamId
    effect_id: EffectId
    of: Literal["text", "thinking"]
    offset: int
    text: str


class ToolLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="tool_line"):
    """A line that a running tool of an agent shows."""

    stream_id: StreamId
    effect_id: EffectId
    tool: str
    text: str


class ViewSnapshot(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="view_snapshot"
):
    """All chosen views at one position: by the name of the projection, then by the key."""

    position: int
    views: dict[str, dict[str, Any]]

    def after(self, event: "ViewEvent") -> "ViewSnapshot":
        """The snapshot with one more event of the feed in it; what is live changes nothing."""
        match event:
            case ViewSnapshot():
                return event
            case ViewChange(view=view, key=key):
                parts: Mapping[str, object] = self.views.get(view, {})
                views = {**self.views, view: {**parts, key: event.part}}
                return msgspec.structs.replace(self, views=views)
            case ViewsReached(position=position):
                return msgspec.structs.replace(self, position=position)
            case _:
                return self


ViewEvent: TypeAlias = (
    ViewSnapshot | ViewChange | ViewsReached | ViewFailed | AnswerPiece | ToolLine
)
