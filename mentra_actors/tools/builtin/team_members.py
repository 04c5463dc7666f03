"""Tools with which an agent grows its team, looks at it, and lets members go."""

from typing import Literal

from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.team.commands import AddMember, RemoveMember, RenameMember, StopMember
from mentra_actors.domain.team.state import TeamState, name_in, new_agent_id
from mentra_actors.errors import VersionConflict
from mentra_actors.ids import AgentId, CommandId, MailId, team_stream
from mentra_actors.json_types import JsonObject
from mentra_actors.tools.builtin.team_looks import member_id, own_profile, team_state
from mentra_actors.tools.builtin.teammates import known_as, taken_id, teammate_profile
from mentra_actors.tools.builtin.told_json import told_json
from mentra_actors.tools.contract import ToolContext, ToolError
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.tool_errors import refusals_told

__all__ = ["team_list", "team_remove", "team_rename", "team_spawn", "team_stop"]


@tool(
    retry="idempotent",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_spawn(context: ToolContext, name: str, role: str, prompt: str = "") -> str:
    """Spawn a persistent teammate that works on its own and answers by mail.

    The name of a teammate that has stopped can be used again.

    Args:
        name: Its name, unique in the team.
        role: What it is for, in a few words.
        prompt: Its first instruction; it starts to work when it gets one.
    """
    if name == context.agent_name:
        raise ToolError("Teammate name must differ from the current agent")
    profile, team = await own_profile(context), await team_state(context)
    lead = known_as(profile, name_in(team, context.agent_id))
    profile = teammate_profile(lead, new_agent_id(team, context.team_id, name), name, role)
    command = AddMember(
        command_id=CommandId(context.idempotency_key),
        profile=profile,
        first_mail=_first_mail(context, profile, prompt) if prompt.strip() else None,
        replaces=await _stopped(context, team, name),
        lead_id=lead.agent_id,
        now=context.commands.now(),
    )
    with refusals_told("spawn the teammate"):
        try:
            await context.commands.ask(team_stream(context.team_id), command)
        except VersionConflict as conflict:
            raise taken_id(conflict, profile.agent_id) from conflict
    return f"Spawned persistent teammate '{name}' (role: {role}, status: idle)"


@tool(
    retry="safe",
    parallel=True,
    capabilities=["read_only"],
    side_effects="none",
    approval="read_only",
)
async def team_list(context: ToolContext) -> str:
    """List the members of the team: names, roles, leads, and how each is."""
    team = await team_state(context)
    members = [await _line(context, team, name) for name in sorted(team.members)]
    return told_json(members, indent=2)


@tool(
    retry="idempotent",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_stop(
    context: ToolContext, name: str, how: Literal["when_done", "now"] = "when_done"
) -> str:
    """Stop a teammate that you lead. It stays in the team; its name can be spawned again.

    Args:
        name: The teammate.
        how: when_done lets it finish what it has; now breaks it off.
    """
    command = StopMember(
        command_id=CommandId(context.idempotency_key),
        agent_id=await _known_id(context, name),
        how=how,
        reason=f"stopped by {context.agent_name}",
        by=context.agent_id,
        now=context.commands.now(),
    )
    with refusals_told("stop the teammate"):
        await context.commands.ask(team_stream(context.team_id), command)
    return f"Teammate '{name}' stops {'now' if how == 'now' else 'when it is done'}"


@tool(
    retry="idempotent",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_remove(context: ToolContext, name: str, reason: str = "") -> str:
    """Remove a teammate that you lead from the team: it stops at once, its tasks are free again.

    Args:
        name: The teammate.
        reason: Why, in a few words.
    """
    command = RemoveMember(
        command_id=CommandId(context.idempotency_key),
        agent_id=await _known_id(context, name),
        reason=reason,
        by=context.agent_id,
        now=context.commands.now(),
    )
    with refusals_told("remove the teammate"):
        await context.commands.ask(team_stream(context.team_id), command)
    return f"Removed teammate '{name}' from the team"


@tool(
    retry="idempotent",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_rename(context: ToolContext, name: str, new_name: str) -> str:
    """Give a teammate that you lead another name; its tasks stay its own.

    Args:
        name: The teammate.
        new_name: Its new name, unique in the team.
    """
    command = RenameMember(
        command_id=CommandId(context.idempotency_key),
        agent_id=await _known_id(context, name),
        name=new_name,
        by=context.agent_id,
        now=context.commands.now(),
    )
    with refusals_told("rename the teammate"):
        await context.commands.ask(team_stream(context.team_id), command)
    return f"Teammate '{name}' is called '{new_name}' now"


async def _known_id(context: ToolContext, name: str) -> AgentId:
    """The member; also after an attempt of this call that has done its work and was not heard."""
    team = await team_state(context)
    if context.idempotency_key in team.known_commands:
        return AgentId("")
    return member_id(team, name)


async def _line(context: ToolContext, team: TeamState, name: str) -> JsonObject:
    member = team.members[name]
    status = await context.commands.member_status(member.agent_id)
    lead = next((n for n, one in team.members.items() if one.agent_id == member.lead), "")
    line: JsonObject = {"name": name, "role": member.role}
    if lead:
        line["lead"] = lead
    return {**line, "status": "person" if member.is_person else status}


async def _stopped(context: ToolContext, team: TeamState, name: str) -> AgentId:
    """The agent of this name, if it has stopped."""
    member = team.members.get(name)
    if member is None or member.is_person:
        return AgentId("")
    status = await context.commands.member_status(member.agent_id)
    return member.agent_id if status == "stopped" else AgentId("")


def _first_mail(context: ToolContext, profile: AgentProfile, prompt: str) -> Mail:
    return Mail(
        mail_id=MailId(f"{context.idempotency_key}/first"),
        sender=profile.lead,
        sender_id=context.agent_id,
        to=profile.agent_id,
        body=prompt,
        sent_at=context.commands.now(),
    )
