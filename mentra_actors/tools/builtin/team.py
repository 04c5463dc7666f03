"""Tools with which an agent grows its team and writes to it."""

import json

import msgspec

from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.domain.inbox import MAX_BODY_CHARS, Mail
from mentra_actors.domain.team import AddMember, TeamState, agent_id_of
from mentra_actors.domain.tool_call import OutgoingMail
from mentra_actors.ids import AgentId, CommandId, MailId, agent_stream, team_stream
from mentra_actors.tools.contract import Tool, ToolContext, ToolError, ToolOutput
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.tool_errors import refusals_told

__all__ = ["LEAD_TOOLS", "team_tools", "teammate_system"]

LEAD_TOOLS = ("team_spawn", "team_broadcast", "task_create")
"""Hidden from teammates that an agent spawns."""


def team_tools() -> list[Tool]:
    """The tools `team_spawn`, `team_send`, `team_broadcast`, `team_list` and `idle`."""
    return [team_spawn, team_send, team_broadcast, team_list, idle]


@tool(
    retry="idempotent",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_spawn(context: ToolContext, name: str, role: str, prompt: str = "") -> str:
    """Spawn a persistent teammate that works on its own and answers by mail.

    Args:
        name: Its name, unique in the team.
        role: What it is for, in a few words.
        prompt: Its first instruction; it starts to work when it gets one.
    """
    parent = await _own_profile(context)
    profile = _teammate(parent, name, role)
    first_mail = _first_mail(context, profile, prompt) if prompt.strip() else None
    command = AddMember(
        command_id=CommandId(context.idempotency_key),
        profile=profile,
        first_mail=first_mail,
        now=context.commands.now(),
    )
    with refusals_told("spawn the teammate"):
        await context.commands.ask(team_stream(context.team_id), command)
    return f"Spawned persistent teammate '{name}' (role: {role}, status: idle)"


@tool(
    retry="safe",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_send(context: ToolContext, to: str, content: str) -> ToolOutput:
    """Send mail to another member of the team.

    Args:
        to: The member's name.
        content: The message.
    """
    mail = await _mail(context, [to], content)
    return ToolOutput(content=f"Sent message to '{to}'", mail=mail)


@tool(
    retry="safe",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_broadcast(context: ToolContext, content: str) -> ToolOutput:
    """Send the same mail to every other member of the team.

    Args:
        content: The message.
    """
    team = await _team(context)
    others = sorted(name for name in team.members if name != context.agent_name)
    mail = await _mail(context, others, content)
    named = ", ".join(others)
    return ToolOutput(
        content=f"Broadcast message sent to {len(others)} recipient(s): {named}", mail=mail
    )


@tool(
    retry="safe",
    parallel=True,
    capabilities=["read_only"],
    side_effects="none",
    approval="read_only",
)
async def team_list(context: ToolContext) -> str:
    """List the members of the team: names and roles."""
    team = await _team(context)
    members = [{"name": name, "role": m.role} for name, m in sorted(team.members.items())]
    return json.dumps(members, indent=2)


@tool(
    retry="safe",
    capabilities=["delegation"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def idle(context: ToolContext) -> str:
    """Stop working until there is mail for you. Use it when nothing is left to do."""
    context.request_idle()
    return "Yielding to the teammate idle loop."


def teammate_system(profile: AgentProfile, name: str, role: str) -> str:
    """System prompt of a teammate: its lead's, and who it is."""
    identity = (
        f"You are teammate '{name}' with role '{role}' on a team led by '{profile.name}'. "
        "Mail reaches you as <team-inbox> messages; answer with team_send."
    )
    return f"{profile.system}\n\n{identity}".strip()


def _teammate(parent: AgentProfile, name: str, role: str) -> AgentProfile:
    """Like its lead in all that is not said of it: model, tools, limits."""
    return msgspec.structs.replace(
        parent,
        agent_id=agent_id_of(parent.team_id, name),
        name=name,
        role=role,
        system=teammate_system(parent, name, role),
        lead=parent.name,
        hidden_tools=tuple(sorted({*parent.hidden_tools, *LEAD_TOOLS})),
        wake_on_mail=True,
        parent=AgentId(""),
    )


def _first_mail(context: ToolContext, profile: AgentProfile, prompt: str) -> Mail:
    return Mail(
        mail_id=MailId(f"{context.idempotency_key}/first"),
        sender=context.agent_name,
        to=profile.agent_id,
        body=prompt,
        sent_at=context.commands.now(),
    )


async def _mail(context: ToolContext, names: list[str], content: str) -> tuple[OutgoingMail, ...]:
    if not content.strip():
        raise ToolError("Mail must not be empty")
    if len(content) > MAX_BODY_CHARS:
        raise ToolError(
            f"Mail of {len(content):,} characters is over the limit of {MAX_BODY_CHARS:,}; "
            "write the text to a file and mail its path"
        )
    team = await _team(context)
    for name in names:
        if name not in team.members:
            known = ", ".join(sorted(team.members))
            raise ToolError(f"Unknown team recipient '{name}'. Members are: {known}")
    return tuple(
        OutgoingMail(
            mail_id=MailId(f"{context.idempotency_key}/{name}"),
            to=team.members[name].agent_id,
            body=content,
        )
        for name in names
    )


async def _team(context: ToolContext) -> TeamState:
    state: TeamState = await context.commands.look(team_stream(context.team_id))
    return state


async def _own_profile(context: ToolContext) -> AgentProfile:
    state = await context.commands.look(agent_stream(context.agent_id))
    profile: AgentProfile = state.profile
    return profile
