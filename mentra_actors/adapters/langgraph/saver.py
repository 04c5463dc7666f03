"""`MentraSaver`: the checkpoints of LangGraph in our store."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Self

try:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import (
        WRITES_IDX_MAP,
        BaseCheckpointSaver,
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        CheckpointTuple,
        DeltaChannelHistory,
        get_checkpoint_id,
        get_checkpoint_metadata,
    )
    from langgraph.checkpoint.serde.base import SerializerProtocol
except ImportError as error:
    raise ImportError(
        f"LangGraph's checkpoints are missing: pip install 'mentra-actors[langgraph]' ({error})"
    ) from error

from mentra_actors.adapters.held_store import StoreOrRuntime, hold
from mentra_actors.adapters.langgraph.checkpoint_reading import (
    CheckpointReading,
    config_of,
    thread_of,
)
from mentra_actors.adapters.langgraph.saved_threads import NewCheckpoint, SavedThreads
from mentra_actors.adapters.settled_calls import settled
from mentra_actors.domain.frameworks.langgraph import Packed, SavedWrite, WritesSaved
from mentra_actors.store.sealing.options import Sealing

__all__ = ["MentraSaver"]

_PAGE_TUPLES = 32
_VERSION_DIGITS = 32


class MentraSaver(BaseCheckpointSaver[Any]):
    """A checkpointer that records what each checkpoint has changed; safe from any thread.

    `store` is a path (a directory, `sqlite:FILE`, `postgresql://…`, `":memory:"`) or a running
    team, of whose store it becomes a part. Use it as a context, or `close()` it.

    What is deleted is not shown any more and stays on the log; see docs/adapters.md.
    """

    def __init__(
        self,
        store: StoreOrRuntime,
        *,
        serde: SerializerProtocol | None = None,
        sealing: Sealing | None = None,
    ) -> None:
        """`sealing` has the key of a store that is encrypted.

        Raises:
            StoreLocked: another process writes the store; nothing was changed.
            StoreError: it cannot be opened; nothing was changed.
        """
        super().__init__(serde=serde)
        self._holder = hold(store, sealing=sealing)
        self._threads = SavedThreads(self._holder.held)

    def close(self) -> None:
        """Let go of the store, which is closed if nothing else of this process holds it."""
        self._holder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await settled(self.close)

    # --- saving ---------------------------------------------------------------------------

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Record a checkpoint; the config that names it. It is durable on return."""
        thread = thread_of(config)
        whole: dict[str, Any] = dict(checkpoint)
        values: dict[str, Any] = whole.pop("channel_values")
        told: dict[str, Any] = dict(get_checkpoint_metadata(config, metadata))
        step = told.get("step")
        new = NewCheckpoint(
            checkpoint_id=checkpoint["id"],
            parent_id=get_checkpoint_id(config) or "",
            checkpoint=self._packed(whole),
            metadata=self._packed(told),
            changed={one: self._packed(values[one]) for one in values if one in new_versions},
            unchanged=[one for one in values if one not in new_versions],
            pack=lambda channel: self._packed(values[channel]),
            run_id=str(told.get("run_id") or ""),
            source=str(told.get("source") or ""),
            step=step if isinstance(step, int) else None,
        )
        self._threads.save(thread, new)
        return config_of(thread, checkpoint["id"])

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Record what a task wrote after a checkpoint. It is durable on return."""
        thread = thread_of(config)
        packed = [(channel, self._packed(value)) for channel, value in writes]
        event = WritesSaved(
            namespace=thread.namespace,
            checkpoint_id=get_checkpoint_id(config) or "",
            task_id=task_id,
            task_path=task_path,
            writes=tuple(
                SavedWrite(WRITES_IDX_MAP.get(channel, number), channel, one.kind, one.content)
                for number, (channel, one) in enumerate(packed)
            ),
        )
        self._threads.save_writes(thread, event)

    def delete_thread(self, thread_id: str) -> None:
        """Show nothing of a thread any more."""
        self._threads.delete(str(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Show no checkpoint of these runs any more; looks through all threads."""
        self._threads.delete_runs(run_ids)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Show all checkpoints of a thread in another one too, which goes on alone from there.

        Nothing is copied: some hundred bytes are written, whatever the thread holds.
        """
        self._threads.copy(str(source_thread_id), str(target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Show only the newest checkpoint of each namespace, or none (`strategy="delete"`).

        What a `DeltaChannel` is made of stays readable.

        Raises:
            ValueError: there is no such strategy; nothing was changed.
        """
        strategies: dict[str, Callable[[str], None]] = {
            "keep_latest": self._threads.prune,
            "delete": self._threads.delete,
        }
        if strategy not in strategies:
            raise ValueError(f"there is no strategy {strategy!r}; there are {sorted(strategies)}")
        for thread_id in thread_ids:
            strategies[strategy](str(thread_id))

    # --- reading --------------------------------------------------------------------------

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that a config names, or the newest one; None if it is not there."""
        return self._reading.named(config)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the framework names it
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints of one thread or all, the newest of a namespace first.

        `filter` names metadata and their values.
        """
        found = self._reading.matching(config, filter or {}, before)
        return islice(found, None if limit is None else max(limit, 0))

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What each channel was made of: writes of ancestors, back to a stored value."""
        return self._reading.delta_history(config, channels)

    def get_next_version(self, current: Any, channel: None) -> Any:  # noqa: ARG002
        """The next version of a channel: a number, unless a thread began with texts."""
        if isinstance(current, str):
            return f"{int(current.split('.')[0]) + 1:0{_VERSION_DIGITS}}.0"
        return 1 if current is None else current + 1

    @property
    def _reading(self) -> CheckpointReading:
        return CheckpointReading(self._threads, self.serde)

    def _packed(self, value: Any) -> Packed:
        return Packed(*self.serde.dumps_typed(value))

    # --- the same for coroutines ------------------------------------------------------------

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See `put`."""
        return await settled(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """See `put_writes`."""
        await settled(self.put_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """See `delete_thread`."""
        await settled(self.delete_thread, thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See `delete_for_runs`."""
        await settled(self.delete_for_runs, run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See `copy_thread`."""
        await settled(self.copy_thread, source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """See `prune`."""
        await settled(self.prune, thread_ids, strategy=strategy)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See `get_tuple`."""
        return await asyncio.to_thread(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the framework names it
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """See `list`."""
        found = self.list(config, filter=filter, before=before, limit=limit)
        while page := await asyncio.to_thread(lambda: [*islice(found, _PAGE_TUPLES)]):
            for one in page:
                yield one

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """See `get_delta_channel_history`."""
        return await asyncio.to_thread(
            self.get_delta_channel_history, config=config, channels=channels
        )
