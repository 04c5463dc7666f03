"""Before a call may start: what hooks, the authorizer and people say of it."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.batches import closed_with
from mentra_actors.domain.agent.state import AgentState, Run, ToolCall
from mentra_actors.domain.permission_rules import Rule, new_rule, scope_stream
from mentra_actors.domain.rule_match import (
    exact_match,
    match_fault,
    match_words,
    shown_call,
    speaks_of,
)
from mentra_actors.domain.tool_call import AuthorizationOutcome, unexplained_request
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import CommandId, StreamId

__all__ = ["DENIED", "EXPIRED", "call_review", "expired_permission", "permission_resolution"]

DENIED = "denied by session approver"
EXPIRED = "nobody has answered in time"


def call_review(command: c.RecordCallReview, state: AgentState) -> Sequence[e.AgentEvent]:
    """The call may start, waits for a person, or is answered with the refusal."""
    call = next((call for call in state.calls if call.key == command.key), None)
    if call is None or call.status != "reviewing" or state.run is None:
        return []
    evaluated = _evaluated(command, call)
    match command.verdict:
        case "allow":
            return [evaluated, _reviewed(command)]
        case "refuse":
            refused = closed_with(call, command.text, command.now, denied=command.denied)
            return [evaluated, refused]
        case "ask":
            return [evaluated, _asked(command, call, state.run)]
        case _:
            assert_never(command.verdict)


def permission_resolution(
    command: c.ResolvePermission, state: AgentState
) -> Sequence[e.AgentEvent]:
    """The decision of a person about a call that waits.

    Raises:
        CommandRejected: no call waits under this id, or what is to be remembered of it would not
            speak of it.
    """
    if command.command_id and command.command_id in state.known_commands:
        return []
    call = next((one for one in state.requests if one.request_id == command.request_id), None)
    if call is None:
        raise CommandRejected(f"no pending permission with request_id {command.request_id!r}")
    rules, rule = _made_rule(command, call, state)
    resolved = e.PermissionResolved(
        key=call.key,
        request_id=command.request_id,
        allow=command.allow,
        resolved_at=command.now,
        tool=call.tool,
        call_id=call.call_id,
        reason=command.reason,
        resolved_by=command.resolved_by,
        remembered=command.remember or "",
        rules=rules,
        rule=rule,
        command_id=command.command_id,
    )
    if command.allow:
        return [resolved]
    text = f"Tool execution denied: {command.reason or DENIED}"
    return [resolved, closed_with(call, text, command.now)]


def _made_rule(
    command: c.ResolvePermission, call: ToolCall, state: AgentState
) -> tuple[StreamId, Rule | None]:
    """What is to be remembered of a decision, and in which scope."""
    profile = state.profile
    if command.remember is None or profile is None:
        return StreamId(""), None
    shown = shown_call(call.tool, call.preview, is_by_tool=call.is_by_tool)
    match = command.match or exact_match(shown)
    if match is None:
        raise CommandRejected(f"{call.tool} has no preview to know this call by: say what else")
    fault = match_fault(match)
    if not fault and not speaks_of(match, shown, allow=command.allow):
        fault = f"a rule for {match_words(match, call.tool)} would not speak of this call"
    if fault:
        raise CommandRejected(fault)
    rules = scope_stream(command.remember, agent_id=profile.agent_id, team_id=profile.team_id)
    rule = new_rule(
        rules,
        tool=call.tool,
        match=match,
        allow=command.allow,
        reason=command.reason,
        now=command.now,
        by=command.resolved_by,
    )
    return rules, rule


def expired_permission(command: c.ExpirePermission, state: AgentState) -> Sequence[e.AgentEvent]:
    """The refusal of a call about which nobody has decided in time; nothing if somebody has."""
    call = next((one for one in state.requests if one.request_id == command.request_id), None)
    if call is None or call.expires_at is None or command.now < call.expires_at:
        return []
    expired = e.PermissionExpired(
        key=call.key,
        request_id=command.request_id,
        expired_at=command.now,
        tool=call.tool,
        call_id=call.call_id,
    )
    return [expired, closed_with(call, f"Tool execution denied: {EXPIRED}", command.now)]


_OUTCOMES: Mapping[str, AuthorizationOutcome] = {"allow": "allow", "ask": "ask", "refuse": "deny"}


def _evaluated(command: c.RecordCallReview, call: ToolCall) -> e.ToolAuthorizationEvaluated:
    return e.ToolAuthorizationEvaluated(
        key=command.key,
        outcome=_OUTCOMES[command.verdict],
        decided_by=command.decided_by,
        evaluated_at=command.now,
        tool=call.tool,
        call_id=call.call_id,
        reason=command.reason,
        digest=command.digest,
        rule=command.rule,
    )


def _reviewed(command: c.RecordCallReview) -> e.ToolCallReviewed:
    return e.ToolCallReviewed(
        key=command.key,
        arguments=command.arguments,
        parallel=command.parallel,
        note=command.note,
    )


def _asked(command: c.RecordCallReview, call: ToolCall, run: Run) -> e.AgentEvent:
    why = command.text or unexplained_request(call.tool)
    if run.stop is not None or run.options.approvals == "refuse":
        return closed_with(call, f"Tool execution requires approval: {why}", command.now)
    return e.PermissionRequested(
        key=call.key,
        request_id=CommandId(f"perm-{call.key}"),
        tool=call.tool,
        call_id=call.call_id,
        description=why,
        preview=command.preview,
        is_by_tool=command.is_by_tool,
        requested_at=command.now,
        expires_at=command.expires_at,
        arguments=command.arguments,
        parallel=command.parallel,
    )
