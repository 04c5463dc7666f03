"""The log of a whole team, played again by the ordinary runtime in the recorded order."""

import msgspec
import pytest

from mentra_actors import ScriptedModel, call, open_runtime_sync, tool
from mentra_actors.envelope import FORGOTTEN_PAYLOAD
from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.history.history import History
from mentra_actors.runtime.replay.scratch_store import copied
from mentra_actors.store.archived_parts import ArchiveName, tombstones
from mentra_actors.store.memory_store import MemoryEventStore

TURNS = {
    "lead": [
        [call("team_send", to="bob", content="Count it."), call("task_create", subject="Count")],
        [call("weigh", what="nails")],
        "Asked.",
        "Told.",
    ],
    "bob": [[call("team_send", to="lead", content="They are 3.")], "Done."],
}


class Team:
    """A lead and bob, who write to each other, with a board and a tool; and what has happened."""

    def __init__(self):
        self.weighed = []
        self.turns = {name: list(turns) for name, turns in TURNS.items()}
        self.model = ScriptedModel(lambda request: self.turns[request.model].pop(0))

        @tool
        def weigh(what: str) -> str:
            """How heavy something is."""
            self.weighed.append(what)
            return "2 kg"

        self.tool = weigh


@pytest.fixture(scope="module")
def recorded():
    """The team, and a store with its log."""
    team = Team()
    with open_runtime_sync(":memory:", providers=[team.model], tools=[team.tool]) as runtime:
        lead = runtime.spawn("lead", model="scripted:lead")
        runtime.spawn("bob", model="scripted:bob")
        lead.send("How many?", timeout_s=20)
        runtime.until_idle(timeout_s=20)
        pages = list(runtime.history._reader.read_journal(after=0))
    return team, pages


def store_of(pages, changed=None):
    """A store with these events; of the first that is `changed` some bytes are others."""
    store = MemoryEventStore()
    if changed is not None:
        category, old, new = changed
        number = next(
            n
            for n, one in enumerate(pages)
            if one.stream_id.startswith(category) and old in one.payload
        )
        other = pages[number].payload.replace(old, new)
        pages = [*pages]
        pages[number] = msgspec.structs.replace(pages[number], payload=other)
    copied(store, pages)
    return store


def replayed(pages, changed=None, **options):
    return History(store_of(pages, changed)).replay_team(**options)


def test_a_team_does_again_what_it_did_and_nobody_is_asked(recorded):
    """Each event, of mail and board too, with its ids and times, in the recorded order."""
    team, pages = recorded
    asked = len(team.model.asked)
    found = replayed(pages)

    assert found.is_same
    assert found.untold == {}
    assert (len(team.model.asked), team.weighed) == (asked, ["nails"])
    played = {name: one.played for name, one in found.streams.items()}
    assert played.keys() == {"agent-lead", "agent-bob", "board-main", "team-main"}
    assert found.appends == sum(played.values())
    assert all(not one.left and not one.copied for one in found.streams.values())


def test_a_log_is_played_up_to_any_event_and_no_append_is_halved(recorded):
    _, pages = recorded
    for position in (0, len(pages) // 2):
        found = replayed(pages, at=position)
        assert found.is_same
        assert found.position >= position
    with pytest.raises(CommandRejected, match="position"):
        replayed(pages, at=len(pages) + 1)


def test_the_first_difference_is_told_by_stream_with_what_it_leads_to(recorded):
    """The lead asks for another model call, so it sends nothing, and bob gets no letter."""
    _, pages = recorded
    found = replayed(pages, ("agent-lead", b"model-1", b"model-9"))

    first, then = found.differences
    assert (first.stream_id, first.command) == ("agent-lead", "AcceptPrompt")
    assert first.fields[-1].recorded == "'model-9'"
    assert (then.stream_id, then.refusal) == ("agent-bob", "nothing was recorded")
    assert then.position > first.position


def test_what_an_agent_would_be_told_otherwise_is_a_difference_of_who_tells_it(recorded):
    _, pages = recorded
    found = replayed(pages, ("inbox-bob", b"Count it.", b"Count us."))

    first = found.differences[0]
    assert first.stream_id == "agent-lead"
    assert [(one.place, one.recorded, one.decided) for one in first.fields] == [
        ("3.mail.body", "'Count us.'", "'Count it.'")
    ]
    assert found.streams["agent-lead"].left > 0, "what comes after a difference is not played"


def test_appends_that_have_no_owner_are_copied_and_counted(recorded):
    _, pages = recorded
    unknown = msgspec.structs.replace(
        pages[0], stream_id="guest-1", stream_version=1, event_type="guest.came.v1", payload=b"{}"
    )
    found = replayed([*pages, unknown])

    assert found.is_same
    assert found.streams["guest-1"].copied == 1
    assert list(found.untold.values()) == [1]


def forgotten(stored):
    return msgspec.structs.replace(stored, payload=FORGOTTEN_PAYLOAD)


def archived(stored):
    events = [(stored.event_type, stored.payload)]
    ((tag, payload),) = tombstones(events, ArchiveName("old.jsonl", ""))
    return msgspec.structs.replace(stored, event_type=tag, payload=payload)


@pytest.mark.parametrize("who", ["bob", "lead"])
@pytest.mark.parametrize("again", ["verify", "replay_team"])
@pytest.mark.parametrize(
    ("gone", "why"),
    [
        (forgotten, "RetiredEvent: it was forgotten"),
        (archived, "UnknownEvent: it is archived"),
    ],
)
def test_what_the_log_has_no_words_of_is_untold_and_no_difference(recorded, who, again, gone, why):
    """Others have told that agent things, which nobody can compare any more."""
    _, pages = recorded
    streams = (f"agent-{who}", f"inbox-{who}")
    kept = [gone(one) if one.stream_id in streams else one for one in pages]
    found = getattr(History(store_of(kept)), again)()

    assert found.differences == ()
    assert found.untold[why] > 0


def test_an_agent_that_is_archived_has_no_run_to_run_again_and_it_says_why(recorded):
    _, pages = recorded
    kept = [archived(one) if one.stream_id == "agent-bob" else one for one in pages]

    with pytest.raises(CommandRejected, match="'bob' is archived, with all its runs"):
        History(store_of(kept)).replay("bob")


@pytest.mark.parametrize("again", ["verify", "replay_team"])
def test_nothing_is_said_of_decisions_after_a_moment_that_was_forgotten(recorded, again):
    """They were made with something that is gone: today they would come out otherwise."""
    _, pages = recorded
    number = next(n for n, one in enumerate(pages) if "model_replied" in one.event_type)
    kept = [*pages]
    kept[number] = msgspec.structs.replace(pages[number], payload=FORGOTTEN_PAYLOAD)
    found = getattr(History(store_of(kept)), again)()

    assert found.differences == ()
    assert any("the state before it is not known" in why for why in found.untold)
