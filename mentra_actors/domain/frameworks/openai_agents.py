"""Sessions of the OpenAI Agents SDK: items as they came and went. One stream a session."""

from typing import TypeAlias

import msgspec

__all__ = [
    "HistoryBranched",
    "HistoryCleared",
    "HistoryEvent",
    "ItemPopped",
    "ItemsAdded",
]


class ItemsAdded(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="openai_session.items_added.v1",
):
    """Items at the end, each as JSON."""

    items: tuple[bytes, ...]


class ItemPopped(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="openai_session.item_popped.v1",
):
    """The last item is taken away."""


class HistoryCleared(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="openai_session.cleared.v1",
):
    """No item is left."""


class HistoryBranched(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="openai_session.branched.v1",
):
    """The session begins with the first items of another one, as of a version of its stream."""

    source: str
    through: int
    count: int


HistoryEvent: TypeAlias = ItemsAdded | ItemPopped | HistoryCleared | HistoryBranched
