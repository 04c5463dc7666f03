"""What a person can do about deaths, asynchronously: `runtime.supervision`."""

from functools import partial

import anyio.to_thread

from mentra_actors.runtime.awaiting import asked, wait_for
from mentra_actors.runtime.teams.supervision_operations import SupervisionOperations
from projections.views.dead_letters import DeadLetter, QuarantinedStream

__all__ = ["Supervision"]


class Supervision:
    """Streams that are set aside, and commands that nobody could handle. Both are on the log."""

    def __init__(self, operations: SupervisionOperations) -> None:
        """Made by a runtime."""
        self._operations = operations

    async def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Commands that nobody could handle, the oldest first; at most the newest 1,000."""
        return (await anyio.to_thread.run_sync(self._operations.supervised)).letters

    async def quarantined(self) -> tuple[QuarantinedStream, ...]:
        """Streams that are set aside, also by earlier processes, the oldest first."""
        return (await anyio.to_thread.run_sync(self._operations.supervised)).quarantined

    async def redrive(self, what: str, *, by: str = "") -> int:
        """Deliver a letter again by its id; or lift a stream and deliver all its letters again.

        Returns how many are on their way, when that is on the log. A letter that kills again
        comes back as a new one, with a higher count. A command may arrive twice if the process
        dies in between: those that have an id count once.

        Raises:
            CommandRejected: there is no such thing, or its command cannot be read any more.
        """
        begin = partial(self._operations.redrive, what, by)
        return await wait_for(await anyio.to_thread.run_sync(begin))

    async def lift(self, stream_id: str, *, by: str = "") -> None:
        """Let a stream go on with what is open; its letters stay.

        Effects that were running count as after a crash, if this process does not perform them.

        Raises:
            CommandRejected: it is not set aside.
        """
        await asked(self._operations.lift, stream_id, by)

    async def discard(self, letter_id: str, reason: str = "", *, by: str = "") -> None:
        """Keep a letter no more; the log has it all the same.

        Raises:
            CommandRejected: there is no such letter, or it is being delivered.
        """
        await asked(self._operations.discard, letter_id, reason, by)
