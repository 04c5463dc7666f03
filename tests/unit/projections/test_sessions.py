"""Sessions as people find them in a list: title, status, turns; and the search in their words."""

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.run_options import RunOptions, TerminalOutput
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.content import TextBlock, ThinkingBlock
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.model_call import StopReason
from projections.contract import fold_view
from projections.views.session_words import SESSION_WORDS, search_sessions
from projections.views.sessions import (
    SESSIONS,
    SessionMetadata,
    session_metadata,
    sessions_in,
    title_of,
)

PROFILE = {"team_id": "red", "role": "lead", "model": "x:y"}


def spawned(name="lead", **fields):
    profile = e.AgentProfile(agent_id=f"id-{name}", name=name, **{**PROFILE, **fields})
    return e.AgentSpawned(profile=profile, spawned_at=5.0)


def prompt(text="What is left?", prompt_id="p1"):
    return e.PromptAccepted(prompt_id=prompt_id, text=text, accepted_at=6.0)


def run(run_id="r1", **fields):
    return e.RunStarted(run_id=run_id, started_at=7.0, **fields)


def placed(*prompt_ids, **fields):
    return e.InputPlaced(run_id="r1", prompt_ids=prompt_ids, **fields)


def finished(**fields):
    return e.RunFinished(run_id="r1", finished_at=8.0, **fields)


def asked(key="t-1.0"):
    return e.PermissionRequested(
        key=key, request_id=f"perm-{key}", tool="pay", call_id="c", description="", preview="{}",
        requested_at=7.0,
    )  # fmt: skip


def replied(text):
    blocks = (ThinkingBlock(parts=("unsaid",)), TextBlock(text=text))
    return e.ModelReplied(effect_id="model-1", blocks=blocks, stop_reason=StopReason.END_TURN)


FAILED = e.RunFailed(run_id="r1", kind="http", message="no key", failed_at=8.0)
CANCELLED = e.RunCancelled(run_id="r1", reason="", cancelled_at=8.0)
STOPPED = e.AgentStopped(stopped_at=9.0)
COMPACTS = e.CompactionRequested(effect_id="compact-1", requested_at=7.0)
COMPACTED = e.ConversationCompacted(
    effect_id="compact-1", compaction=Compaction(through=1, summary="s"), compacted_at=8.0
)
DECIDED = e.PermissionResolved(
    key="t-1.0", request_id="perm-t-1.0", allow=True, resolved_at=8.0, tool="pay", call_id="c"
)
EXPIRED = e.PermissionExpired(key="t-1.0", request_id="perm-t-1.0", tool="pay", expired_at=8.0)
TURN = (prompt(), run(), placed("p1"))


@pytest.fixture
def session(recorded):
    """The session of a lead after these events of its stream."""

    def after(*events, first=None, is_left=False):
        pairs = [("agent-id-lead", one) for one in (first or spawned(), *events)]
        return session_metadata(fold_view(SESSIONS, recorded(*pairs))["agent-id-lead"],
                                is_left=is_left)  # fmt: skip

    return after


def test_a_session_that_has_just_begun(session):
    """It has what its lead was made with, and nothing has been said."""
    assert session(first=spawned(title="The survey")) == SessionMetadata(
        session_id="id-lead",
        agent="lead",
        team="red",
        title="The survey",
        model="x:y",
        status="created",
        turn_count=0,
        created_at=5.0,
        updated_at=1_700_000_001.0,
    )


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([], "created"),
        ([prompt()], "created"),
        (TURN, "active"),
        ([*TURN, asked()], "waiting"),
        ([*TURN, asked(), asked("t-1.1"), DECIDED], "waiting"),
        ([*TURN, asked(), DECIDED], "active"),
        ([*TURN, asked(), EXPIRED], "active"),
        ([*TURN, asked(), e.ToolCallSkipped(key="t-1.0", reason="over")], "active"),
        ([*TURN, COMPACTS], "compacting"),
        ([*TURN, finished(), COMPACTS], "compacting"),
        ([*TURN, COMPACTS, COMPACTED], "active"),
        ([*TURN, COMPACTS, e.CompactionSkipped(effect_id="compact-1", reason="x")], "active"),
        ([*TURN, COMPACTS, e.CompactionSkipped(effect_id="other", reason="x")], "compacting"),
        ([*TURN, finished()], "idle"),
        ([*TURN, FAILED], "failed"),
        ([*TURN, FAILED, run("r2")], "active"),
        ([*TURN, FAILED, run("r2"), finished()], "idle"),
        ([*TURN, CANCELLED], "failed"),
        ([*TURN, asked(), STOPPED], "stopped"),
    ],
)
def test_what_a_session_does(session, events, status):
    """One word tells a person if it is their turn."""
    assert session(*events).status == status


@pytest.mark.parametrize(
    ("events", "status"),
    [
        (TURN, "interrupted"),
        ([*TURN, COMPACTS], "interrupted"),
        ([*TURN, asked()], "waiting"),
        ([*TURN, finished()], "idle"),
        ([*TURN, FAILED], "failed"),
    ],
)
def test_open_work_that_no_process_does_is_interrupted(session, events, status):
    """Somebody who waits for it would wait for ever; for a person it waits all the same."""
    assert session(*events, is_left=True).status == status


def test_a_failed_turn_says_why(session):
    """The reason stands in the list, until the next turn begins."""
    value = run(options=RunOptions(output=TerminalOutput(tool_name="out", schema="{}")))

    assert session(*TURN, FAILED).message == "no key"
    assert session(*TURN, CANCELLED).message == "cancelled"
    assert "typed value" in session(prompt(), value, finished()).message
    assert session(*TURN, FAILED, run("r2")).message == ""
    assert session(prompt(), value, finished(output="t-1.0")).message == ""


LETTER = Mail(mail_id="m1", sender="host", to="id-lead", body="Begin.", sent_at=1.0)
FROM_MATE = Mail(mail_id="m2", sender="ann", to="id-lead", body="Done.", sent_at=1.0)
TAKEN = e.MailTaken(inbox="inbox-id-lead", mail=(LETTER, FROM_MATE), through_version=2)


@pytest.mark.parametrize(
    ("events", "count"),
    [
        ([*TURN, finished()], 1),
        ([*TURN, finished(ending="terminated")], 1),
        ([*TURN, FAILED], 0),
        ([*TURN, CANCELLED, run("r2", resumes="r1"), finished()], 1),
        ([*TURN, finished(), run("r2"), finished()], 1),
        ([run(), placed(steer_ids=("s1",)), finished()], 1),
        ([run(), placed(follow_up_ids=("s1",)), finished()], 1),
        ([run(), placed(injected="go on"), finished()], 0),
        ([TAKEN, run(), placed(mail_ids=("m1",)), finished()], 1),
        ([TAKEN, run(), placed(mail_ids=("m2",)), finished()], 0),
        ([TAKEN, e.MailHandedOver(command_id="c", mail_ids=("m1",), handed_at=1.0), run(),
          placed(mail_ids=("m1",)), finished()], 0),
        ([*TURN, finished(), *TURN, finished()], 2),
        ([prompt(), run(options=RunOptions(output=TerminalOutput(tool_name="o", schema="{}"))),
          placed("p1"), finished()], 0),
    ],
)  # fmt: skip
def test_turns_are_answers_to_a_person_or_a_program(session, events, count):
    """A lead that its teammates wake has had no turn for that."""
    assert session(*events).turn_count == count


def test_a_title_is_the_given_one_or_the_first_words(session):
    """A list of names that programs have made up would tell nobody anything."""
    title = e.AgentReconfigured(changes=e.ProfileChanges(title="New"), changed_at=1.0)
    none = e.AgentReconfigured(changes=e.ProfileChanges(title=""), changed_at=1.0)
    model = e.AgentReconfigured(changes=e.ProfileChanges(model="x:z"), changed_at=1.0)
    steer = e.InputQueued(queue="steer", item_id="s", text="Look  left\n", queued_at=1.0)

    assert session().title == "lead"
    assert session(prompt(), prompt("And then?", "p2")).title == "What is left?"
    assert session(steer).title == "Look left"
    assert session(TAKEN).title == "Begin."
    assert session(prompt(), title).title == "New"
    assert session(prompt(), title, none).title == "What is left?"
    assert session(model).model == "x:z"
    assert session(e.AgentRenamed(name="chief", renamed_at=1.0)).agent == "chief"


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("", ""),
        ("  Hello,\n\tworld ", "Hello, world"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("word " * 30, "word word word word word word word word word word word…"),
        ("a" * 50 + ", " + "b" * 20, "a" * 50 + "…"),
        ("ä" * 100, "ä" * 59 + "…"),
    ],
)
def test_first_words_are_cut_at_a_word(words, title):
    """A title is one line that fits into a list."""
    assert title_of(words) == title


@forall(st.text(max_size=200))
def test_first_words_fit_into_a_line(words):
    """Whatever somebody has written first."""
    title = title_of(words)

    assert len(title) <= 60
    assert len(title.splitlines()) <= 1
    assert title == title.strip()


def test_only_leads_are_sessions(recorded):
    """Whom an agent has spawned it speaks with itself, and a person answers nobody's prompts."""
    parts = fold_view(
        SESSIONS,
        recorded(
            ("agent-id-a", spawned("a")),
            ("agent-id-b", spawned("b", lead="a")),
            ("agent-id-c", spawned("c", parent="id-a", lead="a")),
            ("agent-id-d", spawned("d", is_person=True)),
            ("agent-id-b", prompt()),
            ("agent-id-e", prompt()),
            ("agent-id-f", spawned("f", team_id="blue")),
        ),
    )

    assert [one.agent for one in sessions_in(parts.values())] == ["f", "a"]
    assert [one.agent for one in sessions_in(parts.values(), "red")] == ["a"]
    assert parts["agent-id-b"].first_words == ""


def test_the_newest_session_is_listed_first(recorded):
    """A person looks for what they did last."""
    parts = fold_view(
        SESSIONS,
        recorded(
            ("agent-id-a", spawned("a")),
            ("agent-id-b", spawned("b")),
            ("agent-id-a", prompt()),
        ),
    )
    listed = sessions_in(parts.values(), is_left=lambda stream: stream == "agent-id-b")

    assert [one.agent for one in listed] == ["a", "b"]


# --- search -----------------------------------------------------------------------------------


@pytest.fixture
def found(recorded):
    """What a search finds in these streams; the newest is the last."""

    def search(words, *streams, limit=20):
        pairs = [
            (f"agent-id-{name}", one)
            for name, events in streams
            for one in (spawned(name, title=f"Title of {name}"), *events)
        ]
        history = recorded(*pairs)
        said = fold_view(SESSION_WORDS, history)

        def said_in(prefix):
            return {key: part for key, part in said.items() if key.startswith(prefix)}

        sessions = sessions_in(fold_view(SESSIONS, history).values())
        matches = search_sessions(sessions, words, said_in, limit=limit)
        return [(one.session.agent, one.found_in, one.excerpt) for one in matches]

    return search


STEER = e.InputQueued(queue="steer", item_id="s", text="Mind the FLOOD gates", queued_at=1.0)


def test_a_search_finds_what_people_and_models_have_said(found):
    """And the title; what a model has only thought is nobody's to find."""
    streams = [("a", [prompt("Repair the gates")]), ("b", [replied("The Gates are shut.")]),
               ("c", [STEER]), ("gates", [])]  # fmt: skip

    assert found("gates", *streams) == [
        ("gates", "title", "Title of gates"),
        ("c", "user", "Mind the FLOOD gates"),
        ("b", "assistant", "The Gates are shut."),
        ("a", "user", "Repair the gates"),
    ]
    assert found("unsaid", *streams) == []


def test_all_words_must_be_in_one_message(found):
    """Whoever types more words wants fewer sessions."""
    streams = [("a", [prompt("Repair the gates"), replied("It is a flood.")]), ("b", [STEER])]

    assert [name for name, *_ in found("flood gat", *streams)] == ["b"]
    assert found("  ", *streams) == []
    assert len(found("the", *streams, limit=1)) == 1


def test_words_are_found_however_they_are_written(found):
    """In capital letters, with one sign for two letters, or in wide ones."""
    streams = [("a", [prompt("STRASSE und Büro")])]

    assert found("straße BÜRO", *streams) == [("a", "user", "STRASSE und Büro")]
    assert len(found("Büro", *streams)) == 1


def test_what_is_found_is_shown_as_it_was_written(found):
    """A title in small letters is not the one that somebody gave; the word is in the excerpt."""
    assert found("köln", ("a", [prompt("Die Straße in Köln")])) == [
        ("a", "user", "Die Straße in Köln")
    ]
    for before in ("Straße ", "e\u0301te\u0301 ", "\ufb03 ", "\N{SNOWMAN} "):
        ((_, _, excerpt),) = found("needle", ("a", [prompt(before * 100 + "NEEDLE" + " on" * 90)]))
        assert excerpt.index("NEEDLE") == 41
        assert before.strip() in excerpt


def test_a_long_message_is_shown_around_the_word_and_searched_at_its_beginning(found):
    """A list shows a line, and a log of a machine that somebody pasted costs no more than that."""
    text = "so " * 100 + "needle " + "on " * 100
    ((_, _, excerpt),) = found("needle", ("a", [prompt(text)]))

    assert "needle" in excerpt
    assert excerpt.startswith("…")
    assert excerpt.endswith("…")
    assert len(excerpt) <= 122
    assert found("needle", ("a", [prompt("x" * 4_000 + " needle")])) == []


def test_words_stand_in_parts_of_a_stream(recorded):
    """A long conversation is written in pieces, so that a new word does not write all of it."""
    events = [("agent-id-a", prompt(f"word {place}")) for place in range(70)]
    parts = fold_view(SESSION_WORDS, recorded(("agent-id-a", spawned("a")), *events))

    assert [len(parts[key].said) for key in sorted(parts)] == [30, 32, 8]
