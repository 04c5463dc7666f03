"""Two teams in one store, and leads that were renamed: who is who, whatever they are called."""

import pytest
from paying_team import events_in

from mentra_actors import CommandRejected, ScriptedModel, call, open_runtime_sync
from mentra_actors.domain.team import MemberJoined

MODEL = "scripted:x"


def opened(path, *turns, **options):
    model = ScriptedModel(list(turns), name="scripted")
    return open_runtime_sync(path, providers=[model], durability="volatile", **options)


def test_an_agent_id_of_another_team_is_refused_in_words_and_the_team_goes_on(tmp_path):
    """`y` of the team `x` has the id that the agent `x.y` of the team `main` has."""
    path = tmp_path / "teams.mentra"
    with opened(path) as runtime:
        runtime.spawn("x.y", model=MODEL)
    spawn = [call("team_spawn", name="y", role="r"), call("team_spawn", name="w", role="r")]
    with opened(path, spawn, "Done.", team="x") as runtime:
        with pytest.raises(CommandRejected, match=r"Agent id 'x\.y' is taken"):
            runtime.spawn("y", model=MODEL)
        lead = runtime.spawn("lead", model=MODEL)
        with pytest.raises(CommandRejected, match="no member of this team"):
            lead.team.spawn_teammate("y", "helper")
        lead.send("Get help", timeout_s=20)
        told = [getattr(one.content, "content", "") for one in lead.transcript()]
        names = [one.name for one in runtime.members.list()]

    assert names == ["lead", "w"]
    assert any("Failed to spawn the teammate: Agent id 'x.y' is taken" in one for one in told)


def test_a_renamed_lead_leads_whom_it_spawns(tmp_path):
    """Its own stream learns the name later than the team."""
    with opened(tmp_path / "team.mentra", [call("team_spawn", name="w", role="r")], "Done.") as rt:
        lead = rt.spawn("lead", model=MODEL)
        rt.spawn("eve", model=MODEL)
        for number in range(3):
            rt.members.rename("lead" if not number else f"boss{number - 1}", f"boss{number}")
            lead.team.spawn_teammate(f"kid{number}", "helper")
        rt.members.rename("eve", "lead")
        lead.send("Get help", timeout_s=20)
        leads = {one.name: one.lead for one in rt.members.list() if one.lead}
    joined = [one.lead_id for one in events_in(tmp_path / "team.mentra", MemberJoined)]

    assert joined == ["", "", "lead", "lead", "lead", "lead"]
    assert leads == {"kid0": "boss2", "kid1": "boss2", "kid2": "boss2", "w": "boss2"}
