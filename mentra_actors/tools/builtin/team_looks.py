"""What the team tools look up: the team, who is who in it, who they themselves are."""

from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.team.state import TeamState
from mentra_actors.ids import AgentId, agent_stream, team_stream
from mentra_actors.tools.contract import ToolContext, ToolError

__all__ = ["member_id", "own_profile", "recipient_id", "team_state"]


async def team_state(context: ToolContext) -> TeamState:
    """The team of the agent."""
    state: TeamState = await context.commands.look(team_stream(context.team_id))
    return state


async def own_profile(context: ToolContext) -> AgentProfile:
    """Who the agent is now."""
    state = await context.commands.look(agent_stream(context.agent_id))
    profile: AgentProfile = state.profile
    return profile


async def recipient_id(context: ToolContext, name: str) -> AgentId:
    """The member of this name, who reads what is written to it.

    Raises:
        ToolError: there is none, or it has stopped.
    """
    agent_id = member_id(await team_state(context), name)
    state = await context.commands.look(agent_stream(agent_id))
    if state.stopped:
        raise ToolError(
            f"'{name}' has stopped and reads nothing any more. Write to another member, or let "
            f"whoever leads the team spawn '{name}' again (team_spawn)."
        )
    return agent_id


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
