"""What the team tools look up: the team, who is who in it, who they themselves are."""

from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.team.state import TeamState
from mentra_actors.ids import AgentId, agent_stream, team_stream
from mentra_actors.tools.contract import ToolContext, ToolError

__all__ = ["member_id", "own_profile", "team_state"]


async def team_state(context: ToolContext) -> TeamState:
    """The team of the agent."""
    state: TeamState = await context.commands.look(team_stream(context.team_id))
    return state


async def own_profile(context: ToolContext) -> AgentProfile:
    """Who the agent is now."""
    state = await context.commands.look(agent_stream(context.agent_id))
    profile: AgentProfile = state.profile
    return profile


def member_id(team: TeamState, name: str) -> AgentId:
    """The member of this name.

    Raises:
        ToolError: there is none; the text lists the members.
    """
    member = team.members.get(name)
    if member is None:
        known = ", ".join(sorted(team.members))
        raise ToolError(f"Unknown team recipient '{name}'. Members are: {known}")
    return member.agent_id
