"""What an agent and others have said to each other, as a tree of entries."""

from collections.abc import Sequence

import anyio

from mentra_actors.domain.content import Message
from mentra_actors.domain.conversation_tree import Entry
from mentra_actors.ids import AgentId, EntryId
from mentra_actors.runtime.agents.agent_operations import AgentOperations
from mentra_actors.runtime.awaiting import asked, wait_for
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.operations import Operations

__all__ = ["Conversation", "SyncConversation"]


class Conversation:
    """The conversation of one agent. Every message that was ever said is an entry with a number.

    The path from the first entry to the leaf is what a model is sent; its older part as a summary,
    once that was asked for or has become too long.
    """

    def __init__(self, agent_id: AgentId, agents: AgentOperations) -> None:
        """Made by `Agent`."""
        self._agent_id = agent_id
        self._agents = agents

    async def history(self) -> Sequence[Message]:
        """The messages of the path: what a model would be sent now."""
        return await anyio.to_thread.run_sync(self._agents.history, self._agent_id)

    async def entries(self) -> Sequence[Entry]:
        """All entries on all branches, by number from 1."""
        tree = await anyio.to_thread.run_sync(self._agents.conversation, self._agent_id)
        return list(tree.entries)

    async def path(self) -> Sequence[EntryId]:
        """Numbers of the entries from the first one to the leaf."""
        tree = await anyio.to_thread.run_sync(self._agents.conversation, self._agent_id)
        return list(tree.path)

    async def leaf(self) -> EntryId:
        """The entry from which the conversation goes on; 0 at its beginning."""
        tree = await anyio.to_thread.run_sync(self._agents.conversation, self._agent_id)
        return tree.leaf

    async def children(self, entry_id: int) -> Sequence[Entry]:
        """Entries that follow this one, on any branch; those of 0 are the first ones."""
        return await anyio.to_thread.run_sync(self._agents.children, self._agent_id, entry_id)

    async def move_to(self, entry_id: int) -> int:
        """Go on from another entry, 0 for the beginning; how many entries leave the path.

        Nothing is deleted, and no branch cuts a call from its result: an answer with calls means
        the results that follow it.

        Raises:
            CommandRejected: there is no such entry, or a run is open.
            TypeError: an entry is a whole number.
        """
        moved, left = await anyio.to_thread.run_sync(self._agents.move, self._agent_id, entry_id)
        await wait_for(moved)
        return left

    async def moved_from(self) -> EntryId | None:
        """Where the conversation stood before `move_to` was last used; None if it never was.

        It is read off the log, so it is the same in every process: `move_to` it to go back.
        """
        return await anyio.to_thread.run_sync(self._agents.moved_from, self._agent_id)

    async def compact(self) -> None:
        """Have the older part of the path summarised for the model, by the agent's own model.

        The newest words stay as they are, and so do all entries: only what a model is sent is
        shorter, on the branches that have this part. Returns when it has begun;
        `runtime.until_idle` waits. `AgentProfile.compaction` says how much stays word for word.

        Raises:
            CommandRejected: there is no conversation yet.
        """
        await asked(self._agents.compact, self._agent_id)

    async def cancel_compaction(self, reason: str = "cancelled") -> None:
        """End the summary that is being written; nothing, if there is none.

        A run that waits for it goes on with the long conversation.

        Raises:
            TypeError, ValueError: the reason is not text that can be stored.
        """
        await asked(self._agents.cancel_compaction, self._agent_id, reason)

    async def uncompact(self) -> None:
        """Take back the newest compaction of the path: models are told its words again.

        Its summary stays on the log. By itself the conversation is not compacted again before it
        has grown.

        Raises:
            CommandRejected: the path has no compaction, or a run or a compaction is open.
        """
        undone = await anyio.to_thread.run_sync(self._agents.uncompact, self._agent_id)
        await wait_for(undone)

    async def seen(self, call: str | int, *, run_id: str | None = None) -> Sequence[Message]:
        """Exactly the messages that a model was sent for one call, as the log has them.

        `call` is the id of the call (`model-3`), or the number of a round (from 1) of a run, of
        the last one unless `run_id` names another; of several attempts the last one is meant.
        Attachments are names of blobs in it, as in `history`.

        Raises:
            CommandRejected: there is no such call, or it has no outcome and may have been told of
                the memory or the task board, of which only an outcome says what.
            TypeError: it is neither an id nor a number.
        """
        return await anyio.to_thread.run_sync(self._agents.seen, self._agent_id, call, run_id)

    async def label(self, entry_id: int, label: str) -> None:
        """Give an entry a name; an empty one takes it away.

        Raises:
            CommandRejected: there is no such entry.
            TypeError, ValueError: an entry is a whole number, a name is text.
        """
        await asked(self._agents.label, self._agent_id, entry_id, label)

    async def labels(self) -> dict[EntryId, str]:
        """The names of entries."""
        tree = await anyio.to_thread.run_sync(self._agents.conversation, self._agent_id)
        return dict(tree.labels)


class SyncConversation:
    """See `Conversation`. Every call blocks."""

    def __init__(self, agent_id: AgentId, operations: Operations) -> None:
        """Made by `SyncAgent`."""
        self._agent_id = agent_id
        self._core = operations.core
        self._agents = operations.agents

    def history(self) -> Sequence[Message]:
        """See `Conversation.history`."""
        return self._agents.history(self._agent_id)

    def entries(self) -> Sequence[Entry]:
        """See `Conversation.entries`."""
        return list(self._agents.conversation(self._agent_id).entries)

    def path(self) -> Sequence[EntryId]:
        """See `Conversation.path`."""
        return list(self._agents.conversation(self._agent_id).path)

    def leaf(self) -> EntryId:
        """See `Conversation.leaf`."""
        return self._agents.conversation(self._agent_id).leaf

    def children(self, entry_id: int) -> Sequence[Entry]:
        """See `Conversation.children`."""
        return self._agents.children(self._agent_id, entry_id)

    def move_to(self, entry_id: int) -> int:
        """See `Conversation.move_to`."""
        moved, left = self._agents.move(self._agent_id, entry_id)
        result_of(self._core, lambda: moved)
        return left

    def moved_from(self) -> EntryId | None:
        """See `Conversation.moved_from`."""
        return self._agents.moved_from(self._agent_id)

    def compact(self) -> None:
        """See `Conversation.compact`."""
        result_of(self._core, lambda: self._agents.compact(self._agent_id))

    def cancel_compaction(self, reason: str = "cancelled") -> None:
        """See `Conversation.cancel_compaction`."""
        result_of(self._core, lambda: self._agents.cancel_compaction(self._agent_id, reason))

    def uncompact(self) -> None:
        """See `Conversation.uncompact`."""
        result_of(self._core, lambda: self._agents.uncompact(self._agent_id))

    def seen(self, call: str | int, *, run_id: str | None = None) -> Sequence[Message]:
        """See `Conversation.seen`."""
        return self._agents.seen(self._agent_id, call, run_id)

    def label(self, entry_id: int, label: str) -> None:
        """See `Conversation.label`."""
        result_of(self._core, lambda: self._agents.label(self._agent_id, entry_id, label))

    def labels(self) -> dict[EntryId, str]:
        """See `Conversation.labels`."""
        return dict(self._agents.conversation(self._agent_id).labels)
