"""`MentraSession`: a session of the OpenAI Agents SDK in our store."""

import asyncio
import json
from typing import Any, Self

try:
    from agents.items import TResponseInputItem
    from agents.memory.session import SessionABC
    from agents.memory.session_settings import (
        SessionSettings,
        coerce_session_settings,
        resolve_session_limit,
    )
except ImportError as error:
    raise ImportError(
        "the OpenAI Agents SDK is missing, or too old: "
        f"pip install 'mentra-actors[openai-agents]' ({error})"
    ) from error

from mentra_actors.adapters.held_store import StoreOrRuntime, hold
from mentra_actors.adapters.openai_agents.item_histories import ItemHistories
from mentra_actors.adapters.settled_calls import settled
from mentra_actors.store.sealing.options import Sealing

__all__ = ["MentraSession"]


class MentraSession(SessionABC):
    """The items of one conversation; an append for each call that adds some.

    `store` is a path (a directory, `sqlite:FILE`, `postgresql://…`, `":memory:"`) or a running
    team, of whose store it becomes a part. Sessions of one path share the open store; the last
    one that is closed closes it.

    Items that are taken away stay on the log; see docs/adapters.md.
    """

    session_settings: SessionSettings | None = None

    def __init__(
        self,
        session_id: str,
        store: StoreOrRuntime = ":memory:",
        *,
        session_settings: SessionSettings | dict[str, Any] | None = None,
        sealing: Sealing | None = None,
    ) -> None:
        """`sealing` has the key of a store that is encrypted.

        Raises:
            StoreLocked: another process writes the store; nothing was changed.
            StoreError: it cannot be opened; nothing was changed.
        """
        self.session_id = session_id
        self.session_settings = coerce_session_settings(session_settings or SessionSettings())
        self._holder = hold(store, sealing=sealing)
        self._histories = ItemHistories(self._holder.held)

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The last `limit` items, the oldest first; all of them without one, or below 0."""
        wanted = resolve_session_limit(limit, self.session_settings)
        count = None if wanted is None or wanted < 0 else wanted
        items = await asyncio.to_thread(self._histories.items, self.session_id, count)
        return [json.loads(one) for one in items]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Record items at the end, all of them or none. They are durable on return.

        Raises:
            StoreClosed: the session is closed, even if there are no items.
        """
        self._holder.check_open()
        if items:
            await settled(self._histories.add, self.session_id, [_bytes(one) for one in items])

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the last item away and give it; None if there is none."""
        item = await settled(self._histories.pop, self.session_id)
        popped: TResponseInputItem | None = None if item is None else json.loads(item)
        return popped

    async def clear_session(self) -> None:
        """Take all items away."""
        await settled(self._histories.clear, self.session_id)

    async def branch(self, session_id: str, *, items: int | None = None) -> Self:
        """A new session that begins with the first `items` items of this one, or with all.

        Nothing is copied: some hundred bytes are written, however long this one is.

        Raises:
            CommandRejected: the new session has items, or this one has fewer; nothing was changed.
        """
        await settled(self._histories.branch, self.session_id, session_id, items)
        return type(self)(session_id, self._holder, session_settings=self.session_settings)

    def close(self) -> None:
        """Let go of the store, which is closed if nothing else of this process holds it."""
        self._holder.close()


def _bytes(item: TResponseInputItem) -> bytes:
    return json.dumps(item, separators=(",", ":")).encode()
