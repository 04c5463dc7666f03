"""`mentra dead-letters` and `mentra health`, on stores with a writer and without one."""

import pytest
from redrives import until_redrives_ended

from mentra_actors import ScriptedModel, open_runtime_sync
from mentra_actors.codec.command_codec import encode_command
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.supervision import commands as s
from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.ids import StreamId
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.writing.lone_writer import lone_writer

LEAD = StreamId("agent-lead")


def opened(path):
    model = ScriptedModel(["Done."] * 9, name="scripted")
    return open_runtime_sync(path, providers=[model], durability="volatile")


@pytest.fixture
def store(tmp_path):
    """A store whose lead is set aside, with a letter that can be delivered and one that cannot."""
    path = tmp_path / "team.mentra"
    with opened(path) as runtime:
        runtime.spawn("lead", model="scripted:x")
    prompt = c.AcceptPrompt(prompt_id="p1", text="Mend the roof.", now=0.0)
    name, content = encode_command(prompt)
    letters = (
        s.Letter(stream_id=LEAD, command=name, content=content, deliveries=3),
        s.Letter(stream_id=LEAD, command="OfALaterRelease", content=b"\x80", deliveries=3),
    )
    report = s.ReportDeath(
        command_id="d1", cause="ValueError('a bug')", now=1.0, streams=(LEAD,), letters=letters
    )
    with lone_writer(path, SystemClock()) as writer:
        writer.record(SUPERVISION_STREAM, report)
    return path


def test_what_is_set_aside_is_shown_with_its_letters(mentra, store):
    """Whoever looks must see what it is, of what it died, and what can be done."""
    assert mentra("dead-letters", "--store", store) == 0
    for words in ("agent-lead  set aside", "a bug", "L1  AcceptPrompt", "Mend the roof."):
        assert words in mentra.out
    assert "this release has no command 'OfALaterRelease'" in mentra.out
    found = mentra.json("dead-letters", "--store", store)
    assert [one["letter_id"] for one in found["letters"]] == ["L1", "L2"]
    assert found["quarantined"][0]["stream_id"] == LEAD


def test_a_store_without_deaths_says_so(mentra, team_store):
    """No news is to be said too."""
    assert mentra("dead-letters", "--store", team_store) == 0
    assert "there are no dead letters" in mentra.out
    assert mentra("health", "--store", team_store) == 0
    assert "healthy" in mentra.out


def test_redriven_where_nobody_writes_it_is_delivered_by_the_next_process(mentra, store):
    """The order is on the log; whoever opens the store performs it."""
    assert mentra("dead-letters", "redrive", LEAD, "--store", store, "--by", "ann") == 0
    assert "agent-lead is on its way again." in mentra.out
    with opened(store) as runtime:
        until_redrives_ended(runtime, 2)
        assert runtime.agent("lead").snapshot().entries >= 1
        (left,) = runtime.supervision.dead_letters()
        assert left.letter_id == "L2"
        assert "OfALaterRelease" in left.problem


def test_redriven_where_a_process_writes_it_is_delivered_at_once(mentra, store):
    """The stream is woken in the process that was told."""
    with opened(store) as runtime:
        assert mentra("dead-letters", "lift", LEAD, "--store", store) == 0
        assert mentra("dead-letters", "redrive", "L1", "--store", store) == 0
        until_redrives_ended(runtime, 1)
        done = mentra.json("dead-letters", "discard", "L2", "--reason", "old", "--store", store)
        assert done == {"discarded": "L2", "state": "recorded"}
        runtime.until_idle(timeout_s=20)
        assert runtime.health().is_healthy


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("redrive", "L2"), "this release has no command"),
        (("redrive", "L9"), "there is no dead letter 'L9'"),
        (("lift", "agent-bob"), "agent-bob is not set aside"),
        (("discard", "L9"), "the newest: L1, L2"),
    ],
)
def test_what_cannot_be_done_says_why_and_changes_nothing(mentra, store, arguments, words):
    """And what there is, so that nobody has to look it up."""
    assert mentra("dead-letters", *arguments, "--store", store) == 2
    assert words in mentra.err
    assert len(mentra.json("dead-letters", "--store", store)["letters"]) == 2


def test_health_says_what_needs_a_person_and_that_it_looks_from_outside(mentra, store):
    """Exit code 1 is for the script, the words are for who is woken by it."""
    assert mentra("health", "--store", store) == 1
    for words in ("not healthy", "! agent-lead is set aside", "2 dead letters", "1 idle"):
        assert words in mentra.out
    assert "known to the process that writes only" in mentra.out
    assert mentra("health", "--store", store, "--json") == 1
    assert '"is_healthy": false' in mentra.out
    assert '"live": null' in mentra.out


def test_options_before_the_subcommand_are_refused(mentra, store):
    """They would be of no effect, and a letter of another store be delivered."""
    assert mentra("dead-letters", "--store", store, "redrive", LEAD) == 2
    assert "give options after `redrive`" in mentra.err
