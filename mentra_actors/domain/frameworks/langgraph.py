"""Checkpoints of LangGraph: what each one changed. One stream a thread, all its namespaces."""

from typing import TypeAlias

import msgspec

__all__ = [
    "CheckpointRef",
    "CheckpointSaved",
    "CheckpointsDropped",
    "Growth",
    "Packed",
    "Place",
    "SavedValue",
    "SavedWrite",
    "ThreadCopied",
    "ThreadDeleted",
    "ThreadEvent",
    "WritesSaved",
]


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """A value as the serializer of the framework gave it."""

    kind: str
    content: bytes


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event: its stream version, and its stream if that is another one."""

    version: int
    stream_id: str = ""


class Growth(msgspec.Struct, frozen=True, array_like=True):
    """A list that is an older one with more behind it.

    `base` is the event that has the older list, under the same channel. `head` is the MessagePack
    header of the whole. `depth` counts how often the list has grown since it was stored whole.
    """

    base: Place
    head: bytes
    depth: int


class SavedValue(msgspec.Struct, frozen=True, array_like=True):
    """The value of a channel: all of it, or of a list that has grown the part that is new."""

    kind: str
    content: bytes
    growth: Growth | None = None


class SavedWrite(msgspec.Struct, frozen=True, array_like=True):
    """What a task wrote to a channel. Of a task and an index below 0 the last one counts."""

    index: int
    channel: str
    kind: str
    content: bytes


class CheckpointSaved(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="langgraph.checkpoint_saved.v1",
):
    """A checkpoint. `values` are those of changed channels, `kept` says where the others are.

    `checkpoint` is packed without the values. `run_id`, `source` and `step` stand in `metadata`
    as well, where only the framework can read them.
    """

    checkpoint_id: str
    checkpoint: Packed
    metadata: Packed
    namespace: str = ""
    parent_id: str = ""
    values: dict[str, SavedValue] = msgspec.field(default_factory=dict)
    kept: dict[str, Place] = msgspec.field(default_factory=dict)
    run_id: str = ""
    source: str = ""
    step: int | None = None


class WritesSaved(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="langgraph.writes_saved.v1",
):
    """What one task wrote after a checkpoint, which may come later than this."""

    checkpoint_id: str
    task_id: str
    writes: tuple[SavedWrite, ...]
    namespace: str = ""
    task_path: str = ""


class CheckpointRef(msgspec.Struct, frozen=True, array_like=True):
    """A checkpoint of this thread."""

    namespace: str
    checkpoint_id: str


class CheckpointsDropped(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="langgraph.checkpoints_dropped.v1",
):
    """These are not shown any more; what later ones are made of stays readable."""

    checkpoints: tuple[CheckpointRef, ...]
    reason: str


class ThreadCopied(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="langgraph.thread_copied.v1",
):
    """All checkpoints of another thread, as of a version of its stream, are also in this one."""

    source: str
    through: int


class ThreadDeleted(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="langgraph.thread_deleted.v1",
):
    """The thread is empty from here on."""


ThreadEvent: TypeAlias = (
    CheckpointSaved | WritesSaved | CheckpointsDropped | ThreadCopied | ThreadDeleted
)
