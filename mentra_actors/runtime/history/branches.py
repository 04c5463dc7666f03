"""Futures of a store: made, listed, labelled, deleted. The store itself is only read."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.domain.transcript import Transcript, apply
from mentra_actors.errors import (
    CommandRejected,
    ConfigurationError,
    StoreLocked,
    StoreNotFound,
)
from mentra_actors.ids import AgentId, TeamId, agent_stream, team_stream
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.history.edits import Edit, command_for, edit_words, moved_workspace
from mentra_actors.runtime.history.listed_branch import (
    ListedBranch,
    listed_branch,
    listed_branches,
)
from mentra_actors.runtime.history.open_work import OpenEffect, open_effects_in
from mentra_actors.runtime.kinds import stream_kinds
from mentra_actors.runtime.plain_arguments import require_text
from mentra_actors.runtime.writing.lone_writer import LoneWriter, lone_writer_of
from mentra_actors.store.branches.branch_file import (
    BranchRecord,
    OpenEffects,
    branch_names,
    is_branch,
    write_branch,
)
from mentra_actors.store.branches.branch_reader import BranchReader
from mentra_actors.store.branches.branch_store import BranchStore
from mentra_actors.store.branches.drafts import DRAFT, held
from mentra_actors.store.branches.forking import (
    branch_path,
    branches_directory,
    fork_store,
    placed_at,
    require_label,
)
from mentra_actors.store.branches.opening import require_branch
from mentra_actors.store.branches.shared_past import SharedPast
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.opening import MEMORY, open_event_store, open_journal_reader
from mentra_actors.store.ownership.writer_lock import WriterLock
from mentra_actors.store.ports import EventStore, JournalReader
from mentra_actors.store.sealing.durable_files import file_errors
from mentra_actors.store.sealing.options import Sealing

__all__ = ["Branch", "Branches", "Fork", "MemoryBranch"]

_replace = msgspec.structs.replace


class Fork(msgspec.Struct, frozen=True, kw_only=True):
    """What a branch is to be; see `History.fork` for the fields."""

    name: str
    position: int
    label: str = ""
    agents: tuple[str, ...] = ()
    open_effects: OpenEffects = "interrupted"
    edits: tuple[Edit, ...] = ()
    workspace: str = ""
    by: str = "host"
    team: TeamId = DEFAULT_TEAM


class Branch:
    """A branch of a store. Safe from any thread; reading and changing it does file I/O."""

    def __init__(self, path: Path, sealing: Sealing | None = None) -> None:
        """Made by `History.fork` and `History.branch`."""
        self.path = path
        """What `open_runtime` and every command with `--store` take."""
        self._sealing = sealing

    def __repr__(self) -> str:
        return f"Branch({str(self.path)!r})"

    @property
    def record(self) -> BranchRecord:
        """What stands in its file."""
        return require_branch(self.path)

    @property
    def name(self) -> str:
        """Its name, no other branch of its origin has it."""
        return self.path.name

    @property
    def cut(self) -> int:
        """The last position that it shares with its origin."""
        return self.record.cut

    @property
    def info(self) -> ListedBranch:
        """What there is to say of it, and of its own branches."""
        return listed_branch(self.path)

    @property
    def open_effects(self) -> tuple[OpenEffect, ...]:
        """What was open at the cut. Works out the states of all streams there.

        Raises:
            BranchOriginLost, StoreError: the origin cannot be read.
        """
        reader = open_journal_reader(self.path, sealing=self._sealing)
        try:
            if not isinstance(reader, BranchReader):  # nobody can make it anything else
                return ()
            past = BranchStore(reader.past, MemoryEventStore(), reader.record)
            return open_effects_in(past, Journal(past))
        finally:
            reader.close()

    def label(self, label: str) -> None:
        """Say in a line what it is for; an empty one takes that away. It is not encrypted.

        Raises:
            CommandRejected: it is too long, or of several lines.
            StoreError: it has the label that it had.
        """
        require_label(label)
        write_branch(self.path, _replace(self.record, label=label))

    def delete(self) -> None:
        """Remove it with all that it has recorded itself; what it shares is the origin's.

        Raises:
            CommandRejected: it has branches of its own; delete those first.
            StoreLocked: a process has it open.
            StoreError: it is still there.
        """
        if not is_branch(self.path):
            raise StoreNotFound(f"there is no branch at {self.path}")
        self._require_alone(self.path)
        try:
            lock = WriterLock(self.path)
        except StoreLocked as locked:
            raise StoreLocked(
                f"the branch {self.name!r} is open: {locked}",
                holder=locked.holder,
            ) from locked
        gone = self.path.with_name(f"{DRAFT}{self.name}-deleted-{time.time_ns()}")
        with held(self.path):
            try:
                with file_errors(self.path):
                    self.path.rename(gone)
                try:
                    self._require_alone(gone)  # nobody can fork it any more
                except CommandRejected:
                    gone.rename(self.path)
                    raise
            finally:
                lock.release()
            shutil.rmtree(gone, ignore_errors=True)
        shutil.rmtree(self.path.with_name(f"{self.name}.jobs"), ignore_errors=True)

    def _require_alone(self, path: Path) -> None:
        if below := branch_names(branches_directory(path)):
            raise CommandRejected(
                f"{self.name!r} has branches: {', '.join(below)}; delete those first"
            )


class MemoryBranch:
    """A branch of a store in memory; it ends with the runtime that has made it."""

    def __init__(self, record: BranchRecord, origin: JournalReader) -> None:
        """Made by `History.fork`."""
        self.record = record
        self._past = SharedPast(origin, record.cut)
        self._own = MemoryEventStore()

    @property
    def name(self) -> str:
        """Its name, no other branch of its origin has it."""
        return self.record.name

    @property
    def cut(self) -> int:
        """The last position that it shares with its origin."""
        return self.record.cut

    @property
    def open_effects(self) -> tuple[OpenEffect, ...]:
        """What was open at the cut."""
        past = BranchStore(self._past, MemoryEventStore(), self.record)
        return open_effects_in(past, Journal(past))

    @property
    def own(self) -> JournalReader:
        """What it has recorded itself."""
        return self._own

    def store(self) -> BranchStore:
        """It, to be written by one runtime at a time."""
        return _KeptBranchStore(self._past, self._own, self.record)


class _KeptBranchStore(BranchStore):
    """Leaves the parts of a branch in memory open for the next one that goes on with it."""

    def close(self) -> None:
        """Nothing: what is in memory ends with the process."""


class Branches:
    """The branches of one store."""

    def __init__(
        self, reader: JournalReader, path: str | Path, sealing: Sealing | None, journal: Journal
    ) -> None:
        """`path` is where the store is that `reader` reads; empty if that is not known."""
        self._reader = reader
        self._path = path
        self._sealing = sealing
        self._journal = journal
        self._in_memory: dict[str, MemoryBranch] = {}

    def fork(self, wish: Fork, directory: str | Path | None) -> "Branch | MemoryBranch":
        """Make a branch; see `History.fork`."""
        self._require_place()
        record = BranchRecord(
            name=wish.name,
            created_at=time.time(),
            label=wish.label,
            by=wish.by,
            open_effects=wish.open_effects,
        )
        record = placed_at(record, self._reader, wish.position)
        look = BranchStore(SharedPast(self._reader, record.cut), MemoryEventStore(), record)
        edits = wish.edits
        if wish.open_effects == "resume":
            _require_rest(look, wish)
        if wish.agents:
            ids = tuple(_agent_id(look, wish.team, name) for name in wish.agents)
            record = _replace(record, agents=ids)
        if wish.workspace:
            edits = (*edits, *_moved(look, wish))
        record = _replace(record, edits=tuple(edit_words(one) for one in edits))
        write = partial(_write_edits, edits, wish.team, record)
        if self._path == MEMORY:
            return self._fork_in_memory(record, write if edits else None)
        prepare = partial(self._prepare, write) if edits else None
        path = fork_store(self._path, record, directory=directory, prepare=prepare)
        return Branch(path, self._sealing)

    def _prepare(self, write: Callable[[EventStore], None], path: Path) -> None:
        store = open_event_store(path, sealing=self._sealing)
        try:
            write(store)
        finally:
            store.close()

    def _fork_in_memory(
        self, record: BranchRecord, write: Callable[[EventStore], None] | None
    ) -> MemoryBranch:
        if record.name in self._in_memory:
            raise CommandRejected(
                f"there is a branch {record.name!r} already; choose another name"
            )
        branch = MemoryBranch(record, self._reader)
        if write is not None:
            write(branch.store())
        return self._in_memory.setdefault(record.name, branch)

    @property
    def last_position(self) -> int:
        """Global position of the last event of the store itself."""
        return self._reader.last_position()

    def all(self, directory: str | Path | None) -> list[ListedBranch]:
        """The branches of the store, the oldest first, each with its own."""
        self._require_place()
        if self._path == MEMORY:
            return [listed_branch(one) for one in self._in_memory.values()]
        return listed_branches(self._place(directory))

    def named(self, name: str, directory: str | Path | None) -> "Branch | MemoryBranch":
        """The branch of this name; one of a branch is named with slashes: `try/second`.

        Raises:
            CommandRejected: there is none; the message lists those that there are.
        """
        require_text(name, "the name of a branch")
        self._require_place()
        known: Sequence[str]
        if self._path == MEMORY:
            if name in self._in_memory:
                return self._in_memory[name]
            known = sorted(self._in_memory)
        else:
            place = self._place(directory)
            known = branch_names(place)
            first, _, below = name.partition("/")
            if first in known:
                return Branch(branch_path(place / first, below), self._sealing)
        listed = ", ".join(known) or "none"
        raise CommandRejected(f"no branch is named {name!r}; the store has {listed}")

    def _place(self, directory: str | Path | None) -> Path:
        return branches_directory(self._path) if directory is None else Path(directory)

    def _require_place(self) -> None:
        if self._path == "":
            raise ConfigurationError("it is not known where this store is: use `open_history`")


def _write_edits(
    edits: tuple[Edit, ...], team: TeamId, record: BranchRecord, store: EventStore
) -> None:
    clock = SystemClock()
    with lone_writer_of(store, clock) as writer:
        for number, edit in enumerate(edits, start=1):
            _write_edit(writer, store, edit, team, record, f"edit-{number}/{record.salt}")


def _write_edit(
    writer: LoneWriter,
    store: EventStore,
    edit: Edit,
    team: TeamId,
    record: BranchRecord,
    command_id: str,
) -> None:
    stream_id = agent_stream(_agent_id(store, team, edit.agent))
    transcript = Transcript()
    for one in Journal(store).read_stream(stream_id):
        transcript = apply(transcript, one.event)
    command = command_for(
        edit, transcript, command_id=command_id, by=record.by, now=SystemClock().now()
    )
    writer.record(stream_id, command)


def _agent_id(store: EventStore, team: TeamId, name: str) -> AgentId:
    """Id of a member at the cut, or of an agent with this id.

    Raises:
        CommandRejected: there was none.
    """
    members = stream_kinds(store)["team"].loader.load(team_stream(team)).state.members
    if name in members:
        found: AgentId = members[name].agent_id
        return found
    if name.isascii() and store.stream_version(agent_stream(AgentId(name))):
        return AgentId(name)
    known = ", ".join(sorted(members)) or "nobody"
    raise CommandRejected(f"no agent was named {name!r} there; the team had {known}")


def _require_rest(store: EventStore, wish: Fork) -> None:
    """Words are put in place at rest only; options may change while a run goes on.

    Raises:
        CommandRejected: a run was open there that is to go on.
    """
    loader = stream_kinds(store)["agent"].loader
    for name in dict.fromkeys(one.agent for one in wish.edits if one.kind is not None):
        state = loader.load(agent_stream(_agent_id(store, wish.team, name))).state
        if state.run is not None:
            raise CommandRejected(
                f"{state.run.run_id} was open there, and words are edited at rest only: leave out "
                f"`resume`, and let {name} resume in the branch"
            )


def _moved(store: EventStore, wish: Fork) -> Iterator[Edit]:
    """Another directory for those that are awake, or for all members of the team."""
    kinds = stream_kinds(store)
    team = kinds["team"].loader.load(team_stream(wish.team)).state
    for name in wish.agents or tuple(team.members):
        agent_id = _agent_id(store, wish.team, name)
        state = kinds["agent"].loader.load(agent_stream(agent_id)).state
        if state.profile is not None and not state.profile.is_person:
            yield moved_workspace(name, state.profile, wish.workspace)
