"""The seat of a person: a member of a team without a model."""

from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.storable import as_stored
from mentra_actors.ids import AgentId, TeamId
from mentra_actors.runtime.plain_arguments import require_text

__all__ = ["seat_profile"]


def seat_profile(team: TeamId, agent_id: AgentId, name: str, role: str) -> AgentProfile:
    """The profile of a person's seat.

    Raises:
        TypeError, ValueError: the name or the role is no text that can be stored.
    """
    require_text(name, "the name of a person")
    require_text(role, "a role")
    profile = AgentProfile(
        agent_id=agent_id,
        name=name,
        team_id=team,
        role=role,
        model="",
        is_person=True,
        wake_on_mail=False,
    )
    return as_stored(profile, AgentProfile, f"seat {name!r}")
