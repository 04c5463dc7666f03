"""A cook of another house: what the first one had begun, and words that were put in place."""

from golden_team import profile

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.events import CallPlan
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.ids import agent_stream

__all__ = ["BRANCHING_STORIES"]


def edit(team, **fields):
    command = c.EditConversation(command_id=team.new_id(), now=team.now, **fields)
    team.send(agent_stream("understudy"), command)


def another_kitchen(team):
    """A cook who has ordered fish wakes in another kitchen: the fish is the other one's."""
    team.add(profile("understudy"))
    team.prompt("understudy", "Order the fish, and a lemon.", on_failure="rollback")
    team.reply(
        "understudy",
        TextBlock(text="Fish first."),
        ToolCallBlock(call_id="c-fish", name="order", arguments='{"what":"fish"}'),
        plans=(CallPlan(key="", retry="idempotent", can_compensate=True),),
    )
    team.tell(
        "understudy",
        c.BranchAgent,
        branch="another-kitchen",
        position=1_234,
        salt="bGVtb24",
        by="the landlady",
    )
    team.finish("understudy", "order", "one fish, on ice")
    team.tell("understudy", c.CancelRun, reason="the branch was made while this was open")
    edit(
        team,
        kind="result",
        text="no fish today",
        entry=3,
        key="tool-1.0",
        by="the landlady",
    )
    edit(
        team,
        kind="message",
        text="Then a lemon — レモン.",
    )
    edit(
        team,
        kind="answer",
        text="I shall ask the gardener.",
        entry=2,
    )


BRANCHING_STORIES = (another_kitchen,)
