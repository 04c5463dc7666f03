"""A store, its branches and theirs, under anything that may be done to them in any order.

The model is lists of what was said in plain Python: a branch is the beginning of the list of its
origin, the very same objects, and what it has said itself. After each step every store is read
again, by other means each time: its whole log, the states of its agents at each version, and its
moments as of a time.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mentra_actors.actors.milestones import MilestoneMaker
from mentra_actors.actors.past_states import PastStates
from mentra_actors.codec.snapshot_codec import SnapshotCodec
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.envelope import RetiredEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, TeamId, agent_stream
from mentra_actors.runtime.history.branches import Branch
from mentra_actors.runtime.history.history import open_history
from mentra_actors.store.branches.forgetting import forget_with_branches
from mentra_actors.store.care import backup_store, compact_store, export_store, import_store
from mentra_actors.store.care.doctor import verify_store
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ports import AppendRequest, StateSnapshot
from mentra_actors.store.sealing.options import Sealing

START = datetime(2026, 5, 1, tzinfo=UTC)
KEY = Sealing(key=b"k" * 32)
NAMES = st.sampled_from(["ann", "bob"])
ANY = st.integers(0, 1 << 16)
"""Chooses one of what there is, whatever that is."""
ENOUGH = settings(max_examples=8, stateful_step_count=15, phases=[Phase.reuse, Phase.generate])
"""A shorter history of the same fault would take minutes: each step opens every store."""


@dataclass
class Said:
    """One event: of whom, the words in it, and the second at which it was recorded."""

    name: str
    text: str
    second: int
    is_last: bool
    """The last one of its append."""
    is_forgotten: bool = False


@dataclass
class Model:
    """A store as it is to be; a branch knows its origin, and how much of it it has."""

    path: Path
    origin: "Model | None" = None
    cut: int = 0
    own: list[Said] = field(default_factory=list)

    @property
    def log(self):
        return [*(self.origin.log[: self.cut] if self.origin else ()), *self.own]

    def of(self, name):
        return [one for one in self.log if one.name == name]


def event_of(said, version):
    if version == 1:
        profile = AgentProfile(
            agent_id=AgentId(said.name),
            name=said.text,
            team_id=TeamId("main"),
            role="lead",
            model="m:x",
        )
        return e.AgentSpawned(profile=profile, spawned_at=0.0)
    return e.AgentRenamed(name=said.text, renamed_at=0.0)


def events_of(saids):
    """What a fold is given; what was forgotten it is not."""
    return [event_of(one, n) for n, one in enumerate(saids, 1) if not one.is_forgotten]


class Futures(RuleBasedStateMachine):
    """One store, with branches below it."""

    @initialize(is_encrypted=st.booleans())
    def begin(self, is_encrypted):
        self.place = Path(tempfile.mkdtemp())
        self.sealing = KEY if is_encrypted else None
        self.root = Model(self.place / "team")
        self.stores = [self.root]
        self.count = 0
        open_event_store(self.root.path, sealing=self.sealing).close()

    def teardown(self):
        shutil.rmtree(getattr(self, "place", ""), ignore_errors=True)

    def chosen(self, number):
        return self.stores[number % len(self.stores)]

    def opened(self, store):
        return open_event_store(store.path, sealing=self.sealing, durability="volatile")

    def past(self, store):
        return open_history(store.path, sealing=self.sealing)

    def number(self):
        self.count += 1
        return self.count

    # --- what is done ---------------------------------------------------------------------

    @rule(which=ANY, name=NAMES, events=st.integers(1, 3), second=st.integers(0, 9))
    def say(self, which, name, events, second):
        store = self.chosen(which)
        said = [
            Said(name, f"t{self.number()}", second, is_last=one == events - 1)
            for one in range(events)
        ]
        version = len(store.of(name))
        found = [event_of(one, version + n) for n, one in enumerate(said, 1)]
        opened = self.opened(store)
        part = Journal(opened).stream_append(agent_stream(AgentId(name)), found, version)
        at = int((START + timedelta(seconds=second)).timestamp()) * 1_000_000_000
        opened.append(AppendRequest(streams=(part,), recorded_at_ns=at))
        opened.close()
        store.own += said

    @rule(which=ANY, at=ANY)
    def fork(self, which, at):
        store = self.chosen(which)
        position = at % (len(store.log) + 1)
        cut = position
        while cut and not store.log[cut - 1].is_last:
            cut += 1
        with self.past(store) as history:
            branch = history.fork(f"b{self.number()}", at=position)
        assert branch.cut == cut
        self.stores.append(Model(branch.path, store, cut))

    @precondition(lambda self: len(self.stores) > 1)
    @rule(which=ANY)
    def delete(self, which):
        store = self.stores[1 + which % (len(self.stores) - 1)]
        if any(one.origin is store for one in self.stores):
            with pytest.raises(CommandRejected, match="has branches"):
                Branch(store.path, self.sealing).delete()
            return
        Branch(store.path, self.sealing).delete()
        self.stores.remove(store)

    @rule(which=ANY, name=NAMES, is_milestone=st.booleans())
    def keep_a_state(self, which, name, is_milestone):
        store, stream_id = self.chosen(which), agent_stream(AgentId(name))
        version = len(store.of(name))
        if not version:
            return
        opened = self.opened(store)
        kept = StateSnapshot(
            stream_id=stream_id,
            stream_version=version,
            fold_version=AGENT.fold_version,
            payload=SnapshotCodec(AGENT.initial).encode(
                PastStates(AGENT, opened).at(stream_id, version)
            ),
        )
        if is_milestone:
            kept = MilestoneMaker().due(kept, since=-1000)
        opened.save_snapshot(kept)
        opened.append(AppendRequest())
        opened.close()

    @precondition(lambda self: self.sealing is not None)
    @rule(which=ANY, name=NAMES)
    def forget(self, which, name):
        store = self.chosen(which)
        below = [one for one in self.stores if store in self.origins(one)]
        forget_with_branches(store.path, name, sealing=self.sealing)
        for one in below:
            for said in one.own:
                said.is_forgotten |= said.name == name

    def origins(self, store):
        return [store, *(self.origins(store.origin) if store.origin else ())]

    @rule(which=ANY)
    def compact(self, which):
        store = self.chosen(which)
        if (store.path / "data.mdb").exists():
            compact_store(store.path)

    @rule(by=st.sampled_from(["backup", "import"]))
    def put_back(self, by):
        """The store is lost, and there again from a copy; its branches go on from that."""
        copy = self.place / f"copy-{self.number()}"
        if by == "backup" or self.sealing:
            backup_store(self.root.path, copy)
        else:
            export_store(self.root.path, copy.with_suffix(".jsonl"))
            import_store(copy.with_suffix(".jsonl"), copy)
        branches = self.root.path / "branches"
        if branches.exists():
            shutil.move(branches, copy / "branches")
        shutil.rmtree(self.root.path)
        copy.rename(self.root.path)

    # --- what is true then ----------------------------------------------------------------

    @invariant()
    def each_store_is_what_was_said(self):
        for store in getattr(self, "stores", ()):
            with self.past(store) as history:
                self.assert_log(store, history)
                self.assert_states(store, history)
                self.assert_times(store, history)

    def assert_log(self, store, history):
        found = [
            None if isinstance(one.event, RetiredEvent) else one.event
            for one in Journal(history._reader).through()
        ]
        versions = {"ann": 0, "bob": 0}
        expected = []
        for said in store.log:
            versions[said.name] += 1
            expected.append(None if said.is_forgotten else event_of(said, versions[said.name]))
        assert found == expected

    def assert_states(self, store, history):
        past = PastStates(AGENT, history._reader)
        for name in ("ann", "bob"):
            saids = store.of(name)
            for version in range(len(saids) + 1):
                folded = AGENT.fold(events_of(saids[:version]))
                assert past.at(agent_stream(AgentId(name)), version) == folded

    def assert_times(self, store, history):
        for second in (0, 4, 9):
            positions = [n for n, one in enumerate(store.log, 1) if one.second <= second]
            time = START + timedelta(seconds=second)
            assert history.at(time=time).position == max(positions, default=0)

    @invariant()
    def all_branches_are_listed_and_sound(self):
        for store in getattr(self, "stores", ()):
            below = sorted(one.path.name for one in self.stores if one.origin is store)
            with self.past(store) as history:
                listed = history.branches()
            assert sorted(one.name for one in listed) == below
            assert [one.problem for one in listed] == [""] * len(listed)
            if (store.path / "data.mdb").exists():
                assert verify_store(store.path, is_alone=True).is_sound


@pytest.mark.timeout(300)
def test_any_order_of_deeds_leaves_what_was_said():
    """Also of a branch of a branch of a store that was lost and put back, and has forgotten."""
    run_state_machine_as_test(Futures, settings=ENOUGH)
