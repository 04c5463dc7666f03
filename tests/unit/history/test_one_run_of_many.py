"""One run is found and played by what concerns it, however much else is on the log."""

import pytest

from mentra_actors import ScriptedModel, open_runtime_sync
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.commands import AcceptPrompt
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.inbox import Mail, MailDelivered, RenameOrdered
from mentra_actors.domain.team import MemberJoined
from mentra_actors.envelope import FORGOTTEN_PAYLOAD
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import (
    AgentId,
    CommandId,
    MailId,
    TeamId,
    agent_stream,
    inbox_stream,
    team_stream,
)
from mentra_actors.runtime.history.history import History
from mentra_actors.runtime.replay.run_choice import chosen_run
from mentra_actors.runtime.replay.scripts import run_scripts
from mentra_actors.runtime.views.agent_lists import member_id
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend
from mentra_actors.testing.agent_strategies import SPAWNED

LEAD = AgentId("lead")
STREAM, INBOX, OTHER = agent_stream(LEAD), inbox_stream(LEAD), agent_stream(AgentId("other"))
TEAM = TeamId("team")
OTHERS = 5000


class CountedStore(MemoryEventStore):
    """Counts the events that are read."""

    read = 0

    def read_journal(self, **choice):
        page = super().read_journal(**choice)
        self.read += len(page)
        return page

    def read_stream(self, stream_id, **choice):
        page = super().read_stream(stream_id, **choice)
        self.read += len(page)
        return page


def put(store, stream_id, events, **stamp):
    part = Journal(store).stream_append(stream_id, events, None)
    store.append(AppendRequest(streams=(part,), **stamp))


def put_what_others_did(store):
    for number in range(OTHERS // 10):
        events = [e.AgentRenamed(name="other", renamed_at=float(number))] * 10
        put(store, OTHER, events, recorded_at_ns=number)


def open_team(store, turns):
    model = ScriptedModel(turns)
    return open_runtime_sync(":memory:", providers=[model], wrap_store=lambda _store: store)


@pytest.mark.parametrize("choices", [{}, {"live_from": 1, "providers": [ScriptedModel(["No."])]}])
def test_a_run_is_played_by_what_concerns_it(choices):
    store = CountedStore()
    put_what_others_did(store)
    with open_team(store, ["Yes."]) as runtime:
        runtime.spawn("lead", model="scripted:a").send("Is it?", timeout_s=20)
        put_what_others_did(store)
        store.read = 0
        found = runtime.history.replay("lead", "run-1", **choices)

        assert found.answer == ("No." if choices else "Yes.")
        assert found.is_same is not bool(choices)
        assert store.read < OTHERS / 10, "what others did was read"


def test_an_agent_is_decided_again_and_recorded_by_what_concerns_it(tmp_path):
    store = CountedStore()
    with open_team(store, ["Yes."]) as runtime:
        runtime.spawn("lead", model="scripted:a").send("Is it?", timeout_s=20)
        put_what_others_did(store)
        store.read = 0
        found = runtime.history.verify("lead")
        runtime.history.record("lead", tmp_path / "run.jsonl", run="run-1")

        assert found.is_same
        assert found.appends > 1
        assert store.read < OTHERS / 10, "what others did was read"


def test_a_run_that_a_letter_began_gets_all_that_was_in_the_inbox():
    """That nothing came of the first order is on no stream but that of the inbox."""
    store = MemoryEventStore()
    mail = Mail(mail_id=MailId("m"), sender="host", to=LEAD, body="Go.", sent_at=1.0)
    put(store, STREAM, [SPAWNED])
    orders = [RenameOrdered(name="boss"), RenameOrdered(name="lead")]
    put(store, INBOX, [MailDelivered(mail=mail), *orders])
    command = AGENT.follow.take(Journal(store).read_stream(INBOX), 2.0)
    put(store, STREAM, AGENT.decide(command, AGENT.fold([SPAWNED])), causation="TakeMail")

    journal = Journal(store)
    (whole,) = run_scripts(journal.through(), [LEAD])[LEAD]
    assert whole.steps[0].decision.command == command
    assert chosen_run(store, journal, LEAD, "lead", None) == whole


def test_a_run_after_something_that_was_forgotten_cannot_be_played():
    """Nobody knows the state before it, so what it was decided with is not made up."""
    store = MemoryEventStore()
    put(store, STREAM, [SPAWNED])
    gone = EncodedEvent("agent.agent_renamed.v1", FORGOTTEN_PAYLOAD)
    store.append(AppendRequest(streams=(StreamAppend(stream_id=STREAM, events=(gone,)),)))
    prompt = AcceptPrompt(prompt_id=CommandId("p"), text="Go.", now=2.0)
    put(store, STREAM, AGENT.decide(prompt, AGENT.fold([SPAWNED])), causation="AcceptPrompt")

    with pytest.raises(CommandRejected, match="the state before it is not known"):
        History(store).replay("lead")


def test_a_member_of_a_first_release_is_found_though_no_stream_of_the_team_names_it():
    store = MemoryEventStore()
    put(store, STREAM, [SPAWNED])

    assert member_id(Journal(store), "lead", TEAM) == LEAD


def test_a_member_of_which_nothing_but_its_place_is_recorded_is_not_listed_yet():
    store = MemoryEventStore()
    joined = MemberJoined(command_id=CommandId("c"), profile=SPAWNED.profile, joined_at=0.0)
    put(store, team_stream(TEAM), [joined])

    assert member_id(Journal(store), "lead", TEAM) is None
