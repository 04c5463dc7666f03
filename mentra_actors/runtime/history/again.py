"""What was recorded, decided and run again, as the history of a store offers it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from mentra_actors.decider import AnyDecider
from mentra_actors.late_module import LateModule
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader

if TYPE_CHECKING:
    from mentra_actors.runtime.history import replays
    from mentra_actors.runtime.replay import team_playing
else:
    team_playing = LateModule("mentra_actors.runtime.replay.team_playing")
    replays = LateModule("mentra_actors.runtime.history.replays")

__all__ = ["Again"]


class Again:
    """The part of `History` that verifies, replays and records."""

    _reader: JournalReader
    _journal: Journal

    def verify(
        self,
        agent: str | None = None,
        *,
        at: int | None = None,
        deciders: Mapping[str, AnyDecider] | None = None,
    ) -> "replays.Verification":
        """Decide the log again with the code of today, up to a position; one agent's or all of it.

        Pure: nothing is asked, run or written. `deciders` take the place of those of a category
        (`agent`, `team`, `board`, …), to try a change on a real log. An append is never cut in
        two: `at` means the end of the one that holds it.

        Raises:
            CommandRejected: there is no such agent or position.
            TypeError: there is no such category, or what is given for it is no decider.
        """
        one = None if agent is None else replays.replayed_agent(self._journal, agent)
        return replays.verify(self._reader, self._journal, one, at=at, deciders=deciders)

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
            TypeError, ValueError: a choice is not known, or has a wrong value.
        """
        one = replays.replayed_agent(self._journal, agent)
        return replays.replay(self._reader, self._journal, one, run, choices)

    def replay_team(self, *, at: int | None = None) -> "team_playing.TeamReplay":
        """Run all that is on the log again, every agent of it, up to a position. Blocks.

        The ordinary runtime gets what came from outside again, in a store of its own; models and
        tools are answered by the log, and letters are taken, each when the log says that it was
        next. No model is asked and no tool is run. The first difference of each stream is told.

        Raises:
            CommandRejected: there is no such position.
            StoreError: the beginning of the log was archived, or cannot be read.
        """
        through = None if at is None else replays.end_at(self._journal, at)
        return team_playing.team_played(self._reader, self._journal, through)

    def replay_all(
        self,
        agents: Sequence[str] | None = None,
        **choices: Unpack["replays.ReplayChoices"],
    ) -> "Sequence[replays.ReplayRow]":
        """Run all ended runs of some members again (None: of all), as `replay`: a table. Blocks.

        A run that has fewer model calls than `live_from` is played to its end.
        """
        ids = replays.ids_of(self._journal, agents)
        return replays.replay_all(self._reader, self._journal, ids, choices)

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
            CommandRejected: there is no such agent or run, or nothing of it can be read any more.
            ConfigurationError, StoreError: the file is there, or cannot be written.
        """
        one = replays.replayed_agent(self._journal, agent)
        return replays.record(self._reader, self._journal, one, file, run=run, mask=mask)
