"""What a team did, in lanes: as text, as plots, as completions of a shell."""

from xml.etree import ElementTree

import pytest

from mentra_actors.cli.render.lane_graph import LaneGraph
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.envelope import RecordedEvent


def recorded(*pairs):
    versions = {}
    for position, (stream_id, event) in enumerate(pairs, start=1):
        versions[stream_id] = versions.get(stream_id, 0) + 1
        yield RecordedEvent(
            global_position=position,
            stream_id=stream_id,
            stream_version=versions[stream_id],
            event_type="",
            event=event,
            recorded_at_ns=position * 10**9,
        )


def spawned(name):
    words = {"name": name, "role": "", "model": "scripted:x", "system": ""}
    profile = AgentProfile(agent_id=name, team_id="main", **words)
    return f"agent-{name}", e.AgentSpawned(profile=profile, spawned_at=1.0)


def letter(sender, to):
    mail = Mail(mail_id="m", sender=sender, sender_id=sender, to=to, body="Hi", sent_at=1.0)
    return f"inbox-{to}", MailDelivered(mail=mail)


def drawn(*pairs):
    graph = LaneGraph(has_all=False)
    rows = [graph.row(one) for one in recorded(*pairs) if graph.has_row(one)]
    return ["".join(row.cells).rstrip() for row in rows]


def test_a_lane_shows_its_run_and_the_call_that_is_awaited():
    """At a glance: who works, and who waits for a model."""
    lead = "agent-lead"
    rows = drawn(
        spawned("lead"),
        spawned("ada"),
        (lead, e.RunStarted(run_id="r", started_at=1.0)),
        ("agent-ada", e.PromptAccepted(prompt_id="p", text="x", accepted_at=1.0)),
        (lead, e.ModelCallRequested(effect_id="model-1", run_id="r", round=1)),
        ("agent-ada", e.PromptAccepted(prompt_id="q", text="x", accepted_at=1.0)),
        (lead, e.RunFinished(run_id="r", finished_at=1.0)),
        ("agent-ada", e.PromptAccepted(prompt_id="s", text="x", accepted_at=1.0)),
    )

    assert rows == ["+", "  +", "╷", "│ ▶", "┃", "┃ ▶", "✓", "  ▶"]


@pytest.mark.parametrize(
    ("sender", "to", "row"),
    [("a", "c", "├───▶"), ("c", "a", "◀───┤"), ("b", "c", "  ├─▶"), ("", "b", "  ▶")],
)
def test_a_letter_is_an_arrow_from_lane_to_lane(sender, to, row):
    """Whatever lies between, and in both directions."""
    assert drawn(spawned("a"), spawned("b"), spawned("c"), letter(sender, to))[-1] == row


@pytest.mark.parametrize("choice", [(), ("--all",), ("--after", "5")])
def test_the_last_rows_are_those_that_end_the_whole_timeline(mentra, team_store, choice):
    """What is not shown is not drawn, and still says what each lane is at."""
    assert mentra("timeline", "--last", "0", *choice, "--store", team_store) == 0
    whole = mentra.out.splitlines()
    lanes = sum("┌" in line for line in whole)
    assert len(whole) > lanes + 5

    for last in (1, 2, 6, len(whole) - lanes):
        assert mentra("timeline", "-n", str(last), *choice, "--store", team_store) == 0
        assert mentra.out.splitlines() == [*whole[:lanes], *whole[-last:]]


def test_the_timeline_shows_each_lane_and_what_happened(mentra, team_store):
    """The first look at what a team did."""
    assert mentra("timeline", "--store", team_store) == 0
    lines = mentra.out.splitlines()

    assert [line.split()[-1] for line in lines if "┌" in line][-1] == "bob"
    assert any("├" in line and "▶" in line and "bob mail from lead" in line for line in lines)
    assert not any("lease-writer" in line for line in lines)
    assert mentra("timeline", "--all", "-n", 2, "--store", team_store) == 0
    assert "lease-writer" in mentra.out.splitlines()[-1]


def test_a_part_of_the_timeline_is_shown(mentra, team_store):
    """Long logs are looked at piece by piece; lanes that are at work before it are drawn."""
    assert mentra("timeline", "--after", 3, "--through", 6, "--store", team_store) == 0
    positions = [line.split()[0] for line in mentra.out.splitlines() if "┌" not in line]
    assert set(positions) <= {"4", "5", "6"}
    assert mentra("timeline", "--after", "now", "--store", team_store) == 0
    assert "Nothing happened" in mentra.err
    assert mentra("timeline", "--after", 9999, "--store", team_store) == 2
    assert "9999 is not there" in mentra.err
    assert mentra("timeline", "-f", "--through", 3, "--store", team_store) == 2


def test_a_part_is_named_as_any_moment(mentra, team_store):
    """By its place from the end, or by a time; `why` and `project` take the place, too."""
    last = mentra.json("at", "--store", team_store)["position"]

    ended = ["--after", "-4", "--through", "-1", "--all", "--store", team_store]
    shown = mentra.json("timeline", *ended)["events"]
    assert [one["global_position"] for one in shown] == [last - 3, last - 2, last - 1]
    recent = mentra.json("timeline", "--after", "1d ago", "--store", team_store)["events"]
    assert recent[-1]["global_position"] == last
    (only,) = mentra.json("why", "-3", "--store", team_store)["steps"][:1]
    assert only["global_position"] == last - 3
    then = mentra.json("project", "roster", "--at", "-3", "--store", team_store)
    assert then["position"] == last - 3


def test_programs_get_bars_and_letters(mentra, team_store):
    """For pages that draw it themselves."""
    document = mentra.json("timeline", "--store", team_store)

    assert document["lanes"] == ["agent-lead", "agent-bob"]
    kinds = {bar["kind"] for bar in document["bars"]}
    assert kinds == {"run", "model", "tool"}
    assert all(bar["end"] >= bar["begin"] for bar in document["bars"])
    senders = {one["sender"] for one in document["letters"]}
    assert senders == {"agent-lead", "agent-bob"}


@pytest.mark.parametrize("what", ["lanes", "usage", "board"])
def test_a_plot_is_a_file_with_names_in_it(mentra, team_store, tmp_path, what):
    """SVG keeps its words as words, so that they can be searched; the same log, the same file."""
    pytest.importorskip("matplotlib")
    files = [tmp_path / f"{number}.svg" for number in (1, 2)]
    for file in files:
        assert mentra("plot", what, file, "--store", team_store) == 0

    drawing = ElementTree.fromstring(files[0].read_text())
    words = " ".join("".join(one.itertext()) for one in drawing.iter() if one.tag.endswith("text"))
    assert {"lanes": "bob", "usage": "bob", "board": "in progress"}[what] in words
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_plot_that_cannot_be_made_says_why(mentra, team_store, tmp_path):
    """No file is left behind."""
    pytest.importorskip("matplotlib")
    assert mentra("plot", "lanes", tmp_path / "x.gif", "--store", team_store) == 2
    assert ".svg, .png, .pdf" in mentra.err
    assert mentra("plot", "lanes", tmp_path / "no" / "x.svg", "--store", team_store) == 2
    assert "cannot write" in mentra.err
    asked = ("plot", "board", tmp_path / "x.svg", "--store", team_store)
    assert mentra(*asked, "--through", 3) == 2
    assert "nothing to draw" in mentra.err
    assert mentra(*asked, "--after", 99999) == 2
    assert "99999 is not there" in mentra.err
    assert not list(tmp_path.iterdir())


def test_a_shell_is_told_how_to_complete(mentra, monkeypatch):
    """Commands that are not imported yet are completed by name, their options when needed."""
    assert mentra("completion", "bash") == 0
    assert "_MENTRA_COMPLETE=complete_bash" in mentra.out
    monkeypatch.setenv("_MENTRA_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "mentra why --eff")
    monkeypatch.setenv("COMP_CWORD", "2")
    with pytest.raises(SystemExit):
        mentra("unused")
    assert mentra._capsys.readouterr().out.split() == ["--effects"]


def test_why_goes_back_to_the_prompt_and_effects_go_on_from_it(mentra, team_store):
    """Both ways along one relation, over two agents."""
    chain = mentra.json("why", "bob", "--store", team_store)
    first = chain["steps"][-1]
    assert (first["stream_id"], chain["command"]) == ("agent-lead", "AcceptPrompt")

    effects = mentra.json("why", first["global_position"], "--effects", "--store", team_store)
    reached = {one["line"]["global_position"] for one in effects["effects"]}
    assert {one["global_position"] for one in chain["steps"][:-1]} <= reached
    assert mentra("why", "bob@1", "--store", team_store) == 0
    assert "It began" in mentra.out
    assert "model asked, round" not in mentra.out
    assert "--all shows each" in mentra.out
    assert mentra("why", "bob@1", "--all", "--store", team_store) == 0
    assert "model asked, round" in mentra.out
    assert mentra("why", "bob@1", "--effects", "--all", "--store", team_store) == 0
    assert mentra("why", "bob@999", "--store", team_store) == 2
    assert "versions 1 to" in mentra.err
