"""Forks of a store, as its history offers them."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict, Unpack

from mentra_actors.domain.storable import as_stored
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.history.branches import Branch, Branches, Fork, MemoryBranch
from mentra_actors.runtime.history.common_past import common_position
from mentra_actors.runtime.history.edits import Edit
from mentra_actors.runtime.history.listed_branch import ListedBranch
from mentra_actors.runtime.history.moment import Moment
from mentra_actors.runtime.history.recorded_times import RecordedTimes
from mentra_actors.runtime.plain_arguments import require_known, require_whole
from mentra_actors.store.branches.branch_file import OpenEffects
from mentra_actors.store.journal import Journal

__all__ = ["ForkOptions", "Futures"]


class ForkOptions(TypedDict, total=False):
    """How a branch is made.

    With `open_effects="resume"` what was open at the cut goes on as after a crash, under keys of
    the branch; jobs that run stay the origin's. `agents` are names of those that are meant: with
    `resume` the others sleep until they are written to. `edits` are made on the way (`Edit`), and
    a `workspace` is the directory that agents work in from there on: without one a branch works
    in the same files as its origin. `label` is a line for people, not encrypted. `by` is who does
    that, `team` whose names are meant. `directory` is where the branch is to be, if not in the
    directory `branches` of the store; a store on a server needs one, here or in the environment
    variable `MENTRA_BRANCHES`.
    """

    label: str
    agents: Sequence[str]
    open_effects: OpenEffects
    edits: Sequence[Edit]
    workspace: str | Path | None
    by: str
    team: str
    directory: str | Path | None


class Futures:
    """The part of `History` that makes branches and knows of them."""

    _branches: Branches
    _journal: Journal
    _times: RecordedTimes

    def fork(
        self,
        name: str,
        *,
        at: int | Moment | datetime | None = None,
        **options: Unpack[ForkOptions],
    ) -> Branch | MemoryBranch:
        """Make a branch: a store that goes on from a moment of this one, whose log it shares.

        `at` is a global position, a moment or a time (None: now). An append is never cut in two,
        so the cut is at the end of the one that holds the position. Nothing is copied, and this
        store is never written by what a branch does.

        What was open at the cut (`Branch.open_effects`) is answered as interrupted by the first
        runtime that opens the branch: calls are not made again, jobs of this store are neither
        taken over nor ended, schedules are paused, and nobody wakes before he is written to.

        Raises:
            CommandRejected: the name is none or taken, there is no such position, agent or entry.
            ConfigurationError: a store on a server, and no directory is named.
            TypeError, ValueError: an option is not known, has the wrong type, or cannot be stored.
            StoreError: nothing was made.
        """
        require_known(options, ForkOptions.__annotations__, "a branch has no option")
        fields: dict[str, Any] = dict(options)
        directory = fields.pop("directory", None)
        if directory == "":
            raise ValueError("the directory of branches is empty: name one, or leave it out")
        for plural, what in (("agents", "names"), ("edits", "Edits")):
            fields[plural] = _several(fields.get(plural, ()), plural, what)
        fields["workspace"] = os.fspath(fields.get("workspace") or "")
        wish = Fork(name=name, position=self._position(at), **fields)
        return self._branches.fork(as_stored(wish, Fork, "a branch"), directory)

    def branches(self, *, directory: str | Path | None = None) -> Sequence[ListedBranch]:
        """The branches of this store, the oldest first, each with its own.

        One that cannot be read is among them, and says why (`problem`).
        """
        return self._branches.all(directory)

    def branch(self, name: str, *, directory: str | Path | None = None) -> Branch | MemoryBranch:
        """The branch of this name; one of a branch is named with slashes: `try/second`.

        Raises:
            CommandRejected: there is none; the message lists those that there are.
        """
        return self._branches.named(name, directory)

    def common(self, one: str, other: str = "", *, directory: str | Path | None = None) -> int:
        """The last position that two branches share; without an `other` one and this store.

        `self.at` of it is the moment at which they parted. A branch of a branch is named with
        slashes: `try/second`.

        Raises:
            CommandRejected: there is no such branch.
        """
        return common_position(self._branches, one, other, directory)

    def _position(self, at: int | Moment | datetime | None) -> int:
        match at:
            case None:
                return self._journal.last_position()
            case Moment():
                self._require_shared(at)
                return at.position
            case datetime():
                return self._times.position_at(at)
            case _:
                require_whole(at, "a position")
                return at

    def _require_shared(self, moment: Moment) -> None:
        """Refuse a moment of a log that is another one there; one of a branch may be shared."""
        theirs, position = moment.event, moment.position
        if theirs is None:
            return
        ours = self._journal.event_at(position)
        if ours is None or _place(ours) != _place(theirs):
            raise CommandRejected(
                f"position {position} is one of another store: fork the store that it is of"
            )


def _place(recorded: RecordedEvent[object]) -> tuple[object, ...]:
    return recorded.stream_id, recorded.stream_version, recorded.recorded_at_ns, recorded.epoch


def _several(given: object, plural: str, what: str) -> tuple[object, ...]:
    """What was given as a list.

    Raises:
        TypeError: it is one alone, or no list.
    """
    if isinstance(given, str):
        raise TypeError(f"{plural} are a list of {what}, not one string")
    if not isinstance(given, Iterable):
        raise TypeError(f"{plural} are a list of {what}, not one {type(given).__name__}")
    return tuple(given)
