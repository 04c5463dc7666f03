"""Tools with which an agent asks another something that wants a yes or a no, and answers."""

from typing import Literal

from mentra_actors.domain.team.commands import CancelRequest, OpenRequest, ResolveRequest
from mentra_actors.domain.team.requests import PLAN_APPROVAL
from mentra_actors.domain.team.state import (
    Request,
    TeamState,
    name_in,
    request_id_of,
    request_of,
)
from mentra_actors.ids import AgentId, CommandId, team_stream
from mentra_actors.json_types import JsonObject
from mentra_actors.tools.builtin.team_looks import recipient_id, team_state
from mentra_actors.tools.builtin.told_json import told_json
from mentra_actors.tools.contract import ToolContext, ToolError
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.tool_errors import refusals_told

__all__ = ["team_cancel_request", "team_list_requests", "team_request", "team_respond"]

_WAIT = ". Your turn ends here: the answer comes as a letter, do not begin before it approves"


@tool(
    retry="idempotent",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_request(
    context: ToolContext,
    to: str,
    protocol: str,
    content: str,
    expires_in_s: float | None = None,
) -> str:
    """Ask a member something that it approves or rejects; the answer comes as a letter.

    Args:
        to: The member's name.
        protocol: plan_approval to have a plan allowed before you begin (your turn ends until
            the answer is there), shutdown to have a teammate stop, or a word of your own.
        content: What you ask.
        expires_in_s: Seconds after which nobody needs to answer any more.
    """
    now = context.commands.now()
    command = OpenRequest(
        command_id=CommandId(context.idempotency_key),
        sender=context.agent_id,
        to=await recipient_id(context, to),
        protocol=protocol,
        content=content,
        expires_at=None if expires_in_s is None else now + expires_in_s,
        now=now,
    )
    with refusals_told("create the team request"):
        team = await context.commands.ask(team_stream(context.team_id), command)
    request = _opened(team, command.command_id)
    said = (
        f"Created team request '{request.request_id}' for '{to}' "
        f"using protocol '{request.protocol}'"
    )
    if request.protocol != PLAN_APPROVAL or request.status != "pending":
        return said
    context.request_idle()
    return said + _WAIT


@tool(
    retry="idempotent",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_respond(
    context: ToolContext, request_id: str, *, approve: bool, reason: str = ""
) -> str:
    """Approve or reject a request that was made to you; the member that has asked is told.

    Args:
        request_id: Its id, as the letter says.
        approve: true or false.
        reason: Why, for the one that has asked.
    """
    command = ResolveRequest(
        command_id=CommandId(context.idempotency_key),
        request_id=request_id,
        by=context.agent_id,
        approve=approve,
        reason=reason,
        now=context.commands.now(),
    )
    with refusals_told("respond to the team request"):
        team = await context.commands.ask(team_stream(context.team_id), command)
    request = team.requests.get(request_id_of(request_id))
    meant = request.request_id if request is not None else request_id
    protocol = f" ({request.protocol})" if request is not None else ""
    return f"{'Approved' if approve else 'Rejected'} team request '{meant}'{protocol}"


@tool(
    retry="idempotent",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_cancel_request(context: ToolContext, request_id: str, reason: str = "") -> str:
    """Take back a request of yours that has no answer yet; the member you asked is told.

    Args:
        request_id: Its id.
        reason: Why, for the one that was asked.
    """
    command = CancelRequest(
        command_id=CommandId(context.idempotency_key),
        request_id=request_id,
        by=context.agent_id,
        reason=reason,
        now=context.commands.now(),
    )
    with refusals_told("cancel the team request"):
        await context.commands.ask(team_stream(context.team_id), command)
    return f"Cancelled team request '{request_id}'"


@tool(
    retry="safe",
    parallel=True,
    capabilities=["read_only"],
    side_effects="none",
    approval="read_only",
)
async def team_list_requests(
    context: ToolContext,
    status: Literal["pending", "approved", "rejected", "cancelled", "expired"] | None = None,
    protocol: str | None = None,
    counterparty: str | None = None,
    direction: Literal["inbound", "outbound", "any"] = "any",
) -> str:
    """List the requests that you have made and those that were made to you, oldest first.

    Args:
        status: Only those with this status.
        protocol: Only those of this protocol.
        counterparty: Only those with this member.
        direction: inbound for those made to you, outbound for your own.
    """
    team = await team_state(context)
    own = [
        _line(one, team)
        for one in team.requests.values()
        if status in (None, one.status)
        and protocol in (None, one.protocol)
        and _is_wanted(one, context.agent_id, direction)
    ]
    found = [one for one in own if counterparty in (None, *_others(one, context.agent_name))]
    return told_json(found, indent=2)


def _opened(team: TeamState, command_id: CommandId) -> Request:
    request = request_of(team, command_id)
    if request is None:
        raise ToolError("The request was made and has ended since; see team_list_requests")
    return request


def _is_wanted(request: Request, agent_id: AgentId, direction: str) -> bool:
    is_inbound, is_outbound = request.to == agent_id, request.sender == agent_id
    return (is_inbound and direction != "outbound") or (is_outbound and direction != "inbound")


def _others(line: JsonObject, own: str) -> tuple[str, ...]:
    return tuple(name for name in (line["from"], line["to"]) if name != own)


def _line(request: Request, team: TeamState) -> JsonObject:
    line: JsonObject = {
        "request_id": request.request_id,
        "protocol": request.protocol,
        "from": name_in(team, request.sender) or request.sender_name,
        "to": name_in(team, request.to) or request.to_name,
        "content": request.content,
        "status": request.status,
        "created_at": request.opened_at,
    }
    if request.expires_at is not None:
        line["expires_at"] = request.expires_at
    if request.ended_at is not None:
        line["resolved_at"] = request.ended_at
    if request.reason:
        line["resolution_reason"] = request.reason
    return line
