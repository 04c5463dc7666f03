"""The way into the past of a store."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from mentra_actors.decider import Decider
from mentra_actors.errors import CommandRejected
from mentra_actors.late_module import LateModule
from mentra_actors.runtime.history.moment import Moment, position_at
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.sealing.options import Sealing

if TYPE_CHECKING:
    from mentra_actors.runtime.history import replays
else:
    replays = LateModule("mentra_actors.runtime.history.replays")

__all__ = ["History", "open_history"]


class History:
    """Every moment of a store. Safe from any thread; reading does file I/O and takes no lease."""

    def __init__(self, reader: JournalReader, journal: Journal | None = None) -> None:
        """Made by `open_history` and by a running team; `journal` reads `reader`."""
        self._reader = reader
        self._journal = journal or Journal(reader)

    @property
    def last_position(self) -> int:
        """Global position of the last event; 0 for an empty log."""
        return self._reader.last_position()

    def at(self, position: int | None = None, *, time: datetime | None = None) -> Moment:
        """The whole store after a global position, or at a time; without either, as it is now.

        Position 0 is before the first event.

        Raises:
            CommandRejected: both are given, the position is to come, or the time has no zone.
        """
        if time is not None:
            if position is not None:
                raise CommandRejected("give a position or a time, not both")
            return Moment(self._journal, position_at(self._journal, time))
        last = self.last_position
        if position is None:
            return Moment(self._journal, last)
        if not 0 <= position <= last:
            raise CommandRejected(f"the log has positions 0 to {last}; {position} is not there")
        return Moment(self._journal, position)

    # --- again ----------------------------------------------------------------------------

    def verify(
        self,
        agent: str | None = None,
        *,
        at: int | None = None,
        deciders: Mapping[str, Decider[Any, Any, Any, Any]] | None = None,
    ) -> "replays.Verification":
        """Decide the log again with the code of today, up to a position; one agent's or all of it.

        Pure: nothing is asked, run or written. `deciders` take the place of those of a category
        (`agent`, `team`, `board`, …), to try a change on a real log.

        Raises:
            CommandRejected: there is no such agent.
        """
        return replays.verify(self._journal, agent, at=at, deciders=deciders)

    def replay(
        self, agent: str, run: str | None = None, **choices: Unpack["replays.ReplayChoices"]
    ) -> "replays.Replay":
        """Run a recorded run of an agent again (`run-3`; the last one if none is named). Blocks.

        Without choices no model is asked and no tool is run: the ordinary runtime gets what the
        log says, in a store of its own. With `live_from` the model call of the run with that
        number is made, and all after it; `model`, `system` or other `changes` of the agent count
        from there. See `ReplayChoices`.

        Raises:
            CommandRejected: there is no such agent, run or call.
        """
        return replays.replay(self._reader, self._journal, agent, run, choices)

    def replay_all(
        self,
        agents: Sequence[str] | None = None,
        **choices: Unpack["replays.ReplayChoices"],
    ) -> "Sequence[replays.ReplayRow]":
        """Run all ended runs of some members again (None: of all), as `replay`: a table. Blocks.

        A run that has fewer model calls than `live_from` is played to its end.
        """
        return replays.replay_all(self._reader, self._journal, agents, choices)

    def record(
        self,
        agent: str,
        file: str | Path,
        *,
        run: str | None = None,
        mask: "replays.Mask | None" = None,
    ) -> "replays.Recording":
        """Write what the log has of an agent, up to the end of a run, to a new file.

        `mentra_actors.testing.recordings.replay_recording` decides it again, in any later release.
        It holds everything that was said; `mask` may change each text (see `mentra record`).

        Raises:
            CommandRejected: there is no such agent or run.
            ConfigurationError, StoreError: the file is there, or cannot be written.
        """
        return replays.record(self._reader, self._journal, agent, file, run=run, mask=mask)


@contextmanager
def open_history(store: str | Path, *, sealing: Sealing | None = None) -> Iterator[History]:
    """The past of a store, for the length of a block, while any process may be writing it.

    `sealing` has the key of a store that is encrypted.

    Raises:
        StoreError: there is no store at the path, or it cannot be read; nothing was changed.
    """
    reader = open_journal_reader(store, sealing=sealing)
    try:
        yield History(reader)
    finally:
        reader.close()
