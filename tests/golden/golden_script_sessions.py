"""Sessions: a conversation with a title, which a person changes and takes away."""

from golden_team import profile

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.content import TextBlock

__all__ = ["SESSION_STORIES"]


def a_title(team):
    """A lead is spoken with under one title, then another, then none."""
    team.add(profile("receptionist", title="The guest book — 来客簿"))
    team.prompt(
        "receptionist", "Who has been here since the house was built, and what did they say?"
    )
    team.reply("receptionist", TextBlock(text="Nobody but you."))
    team.tell("receptionist", c.Configure, changes=ProfileChanges(title="Guests"))
    team.tell("receptionist", c.Configure, changes=ProfileChanges(title=""))


SESSION_STORIES = (a_title,)
