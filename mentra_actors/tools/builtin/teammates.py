"""What a teammate is made of: all that its lead is, less the tools of a lead, and who it is."""

import msgspec

from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.errors import CommandRejected, VersionConflict
from mentra_actors.ids import AgentId, agent_stream

__all__ = ["LEAD_TOOLS", "known_as", "taken_id", "teammate_profile", "teammate_system"]

LEAD_TOOLS = (
    "team_spawn",
    "team_broadcast",
    "task_create",
    "team_remove",
    "team_rename",
    "team_stop",
)
"""Hidden from teammates that an agent spawns."""

_GUIDANCE = """Mail reaches you as <team-inbox> messages; answer with team_send.
A letter of type "request" has a request_id: answer it with team_respond, with approve true or \
false and a reason. If you approve a "shutdown" you stop when your work is done.
Before you do what is risky or hard to undo ask your lead with team_request and the protocol \
"plan_approval": your turn ends there, and the answer comes as a letter of type "response". \
Do not begin before it approves.
When nothing is left to do call idle; mail wakes you."""


def teammate_system(lead: AgentProfile, name: str, role: str) -> str:
    """System prompt of a teammate: its lead's, who it is, and how a team talks."""
    identity = f"You are teammate '{name}' with role '{role}' on a team led by '{lead.name}'."
    return f"{lead.system}\n\n{identity} {_GUIDANCE}".strip()


def known_as(profile: AgentProfile, name: str) -> AgentProfile:
    """The profile under the name that the team has for the agent now, if it has one."""
    return msgspec.structs.replace(profile, name=name) if name else profile


def taken_id(error: BaseException, agent_id: AgentId) -> BaseException:
    """The refusal to make an agent whose id another one has; any other error as it is.

    A team knows the ids of its own members only.
    """
    is_taken = isinstance(error, VersionConflict) and error.stream_id == agent_stream(agent_id)
    if not is_taken:
        return error
    return CommandRejected(
        f"Agent id {agent_id!r} is taken: an agent that is no member of this team has it; "
        "choose another name"
    )


def teammate_profile(lead: AgentProfile, agent_id: AgentId, name: str, role: str) -> AgentProfile:
    """Like its lead in all that is not said of it: model, tools, limits."""
    return msgspec.structs.replace(
        lead,
        agent_id=agent_id,
        name=name,
        role=role,
        system=teammate_system(lead, name, role),
        lead=lead.name,
        hidden_tools=tuple(sorted({*lead.hidden_tools, *LEAD_TOOLS})),
        wake_on_mail=True,
        parent=AgentId(""),
        title="",
    )
