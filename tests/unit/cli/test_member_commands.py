"""Persons in a team: their mail and their answers, from any process, with and without a writer."""

import json

import pytest
from paying_team import events_in

from mentra_actors import ScriptedModel, call, open_runtime_sync
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.team import LettersSent, RequestResolved

ASK = call("team_request", to="sue", protocol="plan_approval", content="I delete\nit all.")
TURNS = [[ASK, call("team_send", to="sue", content="Good morning.")], "I see.", "Thanks."]


def opened(path):
    model = ScriptedModel(TURNS, name="scripted")
    return open_runtime_sync(path, providers=[model], durability="volatile")


def begin(runtime):
    runtime.members.take_seat("sue", role="reviewer")
    lead = runtime.spawn("lead", model="scripted:x")
    lead.send("Ask first", timeout_s=20)
    return lead


@pytest.fixture
def store(tmp_path):
    """A store in which a person was asked something, and that nobody has open."""
    path = tmp_path / "team.mentra"
    with opened(path) as runtime:
        begin(runtime)
        runtime.agent("sue").wait_for_snapshot(lambda one: one.waiting_mail == 2, timeout_s=20)
    return path


def test_members_shows_agents_and_persons(mentra, store):
    """Whoever writes to a team wants to know who is in it."""
    found = {one["name"]: one for one in mentra.json("members", "--store", store)}

    assert list(found) == ["sue", "lead"]
    assert (found["sue"]["status"], found["sue"]["is_person"]) == ("person", True)
    assert (found["lead"]["status"], found["sue"]["mail_waiting"]) == ("idle", 2)
    assert mentra("members", "--store", store) == 0
    assert "sue   reviewer" in mentra.out
    assert {one["status"] for one in mentra.json("agents", "--store", store)} == {"person", "idle"}


def test_an_inbox_is_read_once_and_requests_stay_until_they_are_answered(mentra, store):
    """What a person has seen is not new the next time; what waits for them still waits."""
    peeked = mentra.json("inbox", "sue", "--peek", "--store", store)
    first = mentra.json("inbox", "sue", "--store", store)
    again = mentra.json("inbox", "sue", "--store", store)
    everything = mentra.json("inbox", "sue", "--all", "--store", store)

    assert peeked == first
    assert [(one["from"], one["kind"]) for one in first["letters"]] == [
        ("lead", "request"),
        ("lead", "message"),
    ]
    assert again["letters"] == []
    assert [one["request_id"] for one in again["requests"]] == ["req-1"]
    assert [one["is_new"] for one in everything["letters"]] == [False, False]
    assert len(events_in(store, e.MailHandedOver)) == 1


def test_an_inbox_in_words_says_how_to_answer(mentra, store):
    """Words of a model are indented: no line of theirs can pass for one of ours."""
    assert mentra("inbox", "sue", "--store", store) == 0

    assert "lead  request req-1 (plan_approval)" in mentra.out
    assert "\n  I delete\n  it all.\n" in mentra.out
    assert "answer: mentra respond req-1 --as sue [--reject]" in mentra.out
    assert mentra("inbox", "lead", "--store", store) == 0
    assert mentra.out == "Nothing waits for lead.\n"


def test_an_answer_without_a_writer_is_recorded_and_wakes_the_agent_later(mentra, store):
    """The agent goes on in the next process that runs the team."""
    told = mentra.json(
        *("respond", "req-1", "--as", "sue", "--reject", "--reason", "No!", "--store", store)
    )
    assert told == {"request_id": "req-1", "by": "sue", "approve": False, "state": "recorded"}
    assert mentra.json("requests", "--store", store) == []
    (ended,) = mentra.json("requests", "--all", "--store", store)
    assert (ended["status"], ended["reason"]) == ("rejected", "No!")

    with opened(store) as runtime:
        runtime.until_idle(timeout_s=20)
        said = runtime.agent("lead").transcript()
    assert "No!" in str(said)


def test_a_writer_takes_the_words_of_a_person_from_another_process(mentra, tmp_path):
    """A team that runs goes on at once."""
    path = tmp_path / "team.mentra"
    with opened(path) as runtime:
        lead = begin(runtime)
        sue = runtime.agent("sue")
        sue.wait_for_snapshot(lambda one: one.waiting_mail == 2, timeout_s=20)
        assert len(mentra.json("inbox", "sue", "--store", path)["letters"]) == 2
        assert sue.snapshot().waiting_mail == 0
        assert mentra("respond", "req-1", "--as", "sue", "--store", path) == 0
        assert mentra.out == "req-1 is approved.\n"
        lead.wait_for_snapshot(lambda one: one.run_generation == 2, timeout_s=20)
        runtime.until_idle(timeout_s=20)
        assert mentra("mail", "sue", "all", "Well done.", "--store", path) == 0
        runtime.until_idle(timeout_s=20)

    (resolved,) = events_in(path, RequestResolved)
    assert (resolved.approve, resolved.to) == (True, "sue")
    assert [one.to for one in events_in(path, LettersSent)] == [("lead",)]


def test_a_letter_of_a_person_that_nobody_took_yet_lies_in_the_inbox(mentra, store):
    """What one command wrote the next one shows, though no runtime was there between them."""
    with opened(store) as runtime:
        runtime.members.take_seat("tom", role="reviewer")
    assert mentra("mail", "tom", "sue", "Look at this.", "--store", store) == 0
    assert mentra.out == "The letter to sue is sent.\n"

    shown = mentra.json("inbox", "sue", "--store", store)["letters"]
    assert [one["from"] for one in shown] == ["lead", "lead", "tom"]
    assert mentra.json("inbox", "sue", "--store", store)["letters"] == []


def test_nobody_speaks_for_an_agent_nor_reads_its_mail_away(mentra, store):
    """A letter says who has written it, and that is true."""
    assert mentra("mail", "lead", "sue", "I am the lead.", "--store", store) == 2
    assert "'lead' is an agent and speaks for itself" in mentra.err.replace("\n", " ")
    assert mentra("respond", "req-1", "--as", "lead", "--store", store) == 2
    assert mentra("mail", "sue", "lead", "Hello.", "--store", store) == 0
    for _ in range(2):
        (letter,) = mentra.json("inbox", "lead", "--store", store)["letters"]
        assert letter["body"] == "Hello."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("inbox", "nobody"), "no member is named 'nobody'; the team has sue, lead"),
        (("mail", "sue", "nobody", "x"), "no member is named 'nobody'"),
        (("mail", "sue", "lead", " "), "mail must not be empty"),
        (("respond", "req-9", "--as", "sue"), "Unknown team request 'req-9'"),
    ],
)
def test_what_cannot_be_meant_is_refused(mentra, store, arguments, words):
    """The message says what there is."""
    assert mentra(*arguments, "--store", store, "--json") == 2
    assert words in json.loads(mentra.err)["message"]


def test_where_nothing_waits_there_is_a_sentence(mentra, team_store):
    """An empty answer leaves a person to wonder."""
    assert mentra("requests", "--store", team_store) == 0
    assert mentra.out == "No request waits for an answer.\n"
    assert mentra("requests", "--all", "--store", team_store) == 0
    assert mentra.out == "Nobody has asked anything.\n"
