"""Who is in a team and what each one does."""

import pytest

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.domain.team import MemberJoined
from projections.contract import MAX_KEY_BYTES, fold_view
from projections.views.roster import ROSTER, MemberView, team_roster


def profile(name, team="red"):
    """A member of a team."""
    return e.AgentProfile(
        agent_id=f"id-{name}", name=name, team_id=team, role=f"{name}s", model="x:y"
    )


def born(name, team="red"):
    """The two events with which a member begins."""
    who = profile(name, team)
    return (
        (f"team-{team}", MemberJoined(command_id=name, profile=who, joined_at=1.0)),
        (f"agent-id-{name}", e.AgentSpawned(profile=who, spawned_at=1.0)),
    )


def letter(mail_id):
    """A letter to the lead."""
    return Mail(mail_id=mail_id, sender="mate", to="id-lead", body="hi", sent_at=1.0)


STARTED = e.RunStarted(run_id="r1", started_at=1.0)
ASKED = e.ModelCallRequested(effect_id="model-1", run_id="r1", round=1)
REPLIED = e.ModelReplied(
    effect_id="model-1",
    blocks=(
        TextBlock(text="look"),
        ToolCallBlock(call_id="a", name="ls"),
        ToolCallBlock(call_id="b", name="ls"),
    ),
    stop_reason=StopReason.TOOL_USE,
    usage=TokenUsage(input_tokens=10, output_tokens=5),
)
FINISHED = e.RunFinished(run_id="r1", text="ok", finished_at=1.0)


def lead_after(recorded, *events):
    """The lead's line after events of its own stream."""
    parts = fold_view(ROSTER, recorded(*born("lead"), *(("agent-id-lead", ev) for ev in events)))
    return parts["agent-id-lead"]


def test_members_of_a_team_in_order(recorded):
    """A team lists its own members, in the order in which they joined."""
    parts = fold_view(ROSTER, recorded(*born("lead"), *born("spy", "blue"), *born("mate")))

    assert [m.name for m in team_roster(parts.get, "red")] == ["lead", "mate"]
    assert [m.name for m in team_roster(parts.get, "blue")] == ["spy"]
    assert team_roster(parts.get, "green") == []


def test_a_new_member(recorded):
    """A member is introduced by name, role and model, and is idle."""
    member = lead_after(recorded)

    assert member == MemberView(
        agent_id="id-lead",
        team_id="red",
        name="lead",
        role="leads",
        model="x:y",
        last_activity=1_700_000_002.0,
    )
    assert member.status == "idle"


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([STARTED], "working"),
        ([STARTED, FINISHED], "idle"),
        ([STARTED, e.RunCancelled(run_id="r1", reason="", cancelled_at=1.0)], "idle"),
        ([STARTED, e.RunFailed(run_id="r1", kind="http", message="", failed_at=1.0)], "failed"),
        ([STARTED, e.RunFailed(run_id="r1", kind="", message="", failed_at=1.0), STARTED],
         "working"),
        ([STARTED, e.AgentStopped(stopped_at=1.0)], "stopped"),
    ],
)  # fmt: skip
def test_status(recorded, events, status):
    """One word says what an agent is doing."""
    assert lead_after(recorded, *events).status == status


def test_a_working_member(recorded):
    """People see the run, its round, the calls that are open and what it cost so far."""
    member = lead_after(
        recorded, STARTED, ASKED, REPLIED, e.ToolCallFinished(key="tool-1.0", content="")
    )

    assert (member.run_id, member.rounds, member.open_calls) == ("r1", 1, ("tool-1.1",))
    assert member.usage == TokenUsage(input_tokens=10, output_tokens=5)


def test_the_end_of_a_run_leaves_no_open_call(recorded):
    """An agent that rests waits for nothing; its tokens stay counted."""
    member = lead_after(recorded, STARTED, ASKED, REPLIED, FINISHED, STARTED, ASKED, REPLIED)
    rested = lead_after(recorded, STARTED, ASKED, REPLIED, FINISHED)

    assert rested.open_calls == ()
    assert member.usage.output_tokens == 10


def test_mail_waits_until_the_model_sees_it(recorded):
    """Mail counts as waiting in the inbox, and after it is taken, until it is placed."""
    mail = [("inbox-id-lead", MailDelivered(mail=letter(m))) for m in ("m1", "m2", "m3")]
    taken = e.MailTaken(
        inbox="inbox-id-lead", mail=(letter("m1"), letter("m2")), through_version=2
    )
    placed = e.InputPlaced(run_id="r1", mail_ids=("m1",))
    journal = recorded(*born("lead"), *mail, ("agent-id-lead", taken), ("agent-id-lead", placed))

    waiting = [
        fold_view(ROSTER, journal[:end])["agent-id-lead"].mail_waiting for end in range(2, 8)
    ]
    assert waiting == [0, 1, 2, 3, 3, 2]


def test_mail_is_not_activity(recorded):
    """An agent is not active because somebody wrote to it."""
    journal = recorded(*born("lead"), ("inbox-id-lead", MailDelivered(mail=letter("m1"))))

    assert fold_view(ROSTER, journal)["agent-id-lead"].last_activity == 1_700_000_002.0


def test_an_endless_team_name_stops_nothing(recorded):
    """A name that no team can have is cut, for no log may stop a view."""
    parts = fold_view(ROSTER, recorded(*born("lead", "ä" * 500)))

    assert all(len(key.encode()) <= MAX_KEY_BYTES for key in parts)
