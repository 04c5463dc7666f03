"""Saved checkpoints as LangGraph wants to see them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, DeltaChannelHistory, get_checkpoint_id
from langgraph.checkpoint.serde.base import SerializerProtocol

from mentra_actors.adapters.langgraph.saved_threads import SavedThreads, Thread
from mentra_actors.adapters.langgraph.thread_index import Entry
from mentra_actors.domain.frameworks.langgraph import Packed, Place, SavedWrite

__all__ = ["CheckpointReading", "config_of", "thread_of"]


class CheckpointReading:
    """Reads what `SavedThreads` has saved, with the serializer that packed it."""

    def __init__(self, threads: SavedThreads, serde: SerializerProtocol) -> None:
        self._threads = threads
        self._serde = serde

    def named(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that a config names, or the newest one; None if it is not there."""
        thread = thread_of(config)
        entry = self._threads.entry(thread, get_checkpoint_id(config))
        if entry is None or entry.place is None:
            return None
        return self._tuple(thread, entry, entry.place)

    def matching(
        self,
        config: RunnableConfig | None,
        metadata: Mapping[str, Any],
        before: RunnableConfig | None,
    ) -> Iterator[CheckpointTuple]:
        """The checkpoints that a config means (None: all) and that have these metadata."""
        for thread, entry, place in self._entries(config, before):
            if self._has(place, metadata):
                yield self._tuple(thread, entry, place)

    def delta_history(
        self, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Writes of the ancestors of a checkpoint, oldest first, back to a stored value each."""
        thread = thread_of(config)
        target = get_checkpoint_id(config) or self._threads.newest(thread) or ""
        wanted, steps = set(channels), []
        histories: dict[str, DeltaChannelHistory] = {one: {"writes": []} for one in channels}
        for entry in self._threads.line_of(thread, target):
            if not wanted or entry.place is None:
                break
            steps.append(self._writes(entry, wanted))
            places = self._threads.channels(entry.place)
            for channel in wanted & places.keys():
                histories[channel]["seed"] = self._value(places[channel], channel)
            wanted = wanted - places.keys()
        for writes in reversed(steps):
            for write in writes:
                histories[write[1]]["writes"].append(write)
        return histories

    def _entries(
        self, config: RunnableConfig | None, before: RunnableConfig | None
    ) -> Iterator[tuple[Thread, Entry, Place]]:
        end = get_checkpoint_id(before) if before else None
        wanted = get_checkpoint_id(config) if config else None
        for thread in self._threads_of(config):
            for checkpoint_id in [wanted] if wanted else self._threads.ids(thread, end):
                if end is not None and checkpoint_id >= end:
                    continue
                entry = self._threads.entry(thread, checkpoint_id)
                if entry is not None and entry.place is not None:
                    yield thread, entry, entry.place

    def _threads_of(self, config: RunnableConfig | None) -> Iterator[Thread]:
        """The namespaces that a config means: one, those of a thread, or all."""
        named = config.get("configurable", {}) if config else {}
        namespace = named.get("checkpoint_ns")
        for thread_id in [str(named["thread_id"])] if config else self._threads.thread_ids():
            for one in self._threads.namespaces(thread_id) if namespace is None else [namespace]:
                yield Thread(thread_id, one)

    def _has(self, place: Place, wanted: Mapping[str, Any]) -> bool:
        if not wanted:
            return True
        metadata = self._unpacked(self._threads.checkpoint(place).metadata)
        return all(metadata.get(key) == value for key, value in wanted.items())

    def _tuple(self, thread: Thread, entry: Entry, place: Place) -> CheckpointTuple:
        saved = self._threads.checkpoint(place)
        checkpoint = self._unpacked(saved.checkpoint)
        checkpoint["channel_values"] = {
            channel: self._value(at, channel)
            for channel, at in self._threads.channels(place).items()
        }
        return CheckpointTuple(
            config=config_of(thread, saved.checkpoint_id),
            checkpoint=checkpoint,
            metadata=self._unpacked(saved.metadata),
            parent_config=config_of(thread, saved.parent_id) if saved.parent_id else None,
            pending_writes=self._writes(entry, None),
        )

    def _writes(self, entry: Entry, channels: set[str] | None) -> list[tuple[str, str, Any]]:
        """What tasks wrote, by the order of their paths; of one and the same the first counts."""
        found: dict[tuple[str, int], tuple[tuple[str, str, int], SavedWrite]] = {}
        for event in self._threads.writes(entry):
            for one in event.writes:
                key = (event.task_id, one.index)
                if one.index < 0 or key not in found:
                    found[key] = ((event.task_path, *key), one)
        return [
            (place[1], one.channel, self._unpacked(Packed(one.kind, one.content)))
            for place, one in sorted(found.values(), key=lambda pair: pair[0])
            if channels is None or one.channel in channels
        ]

    def _value(self, place: Place, channel: str) -> Any:
        value = self._threads.value(place, channel)
        return self._unpacked(Packed(value.kind, value.content))

    def _unpacked(self, packed: Packed) -> Any:
        return self._serde.loads_typed((packed.kind, packed.content))


def thread_of(config: RunnableConfig) -> Thread:
    """The namespace of a thread that a config names."""
    named = config.get("configurable", {})
    return Thread(str(named["thread_id"]), str(named.get("checkpoint_ns") or ""))


def config_of(thread: Thread, checkpoint_id: str) -> RunnableConfig:
    """A config that names a checkpoint."""
    return {
        "configurable": {
            "thread_id": thread.thread_id,
            "checkpoint_ns": thread.namespace,
            "checkpoint_id": checkpoint_id,
        }
    }
