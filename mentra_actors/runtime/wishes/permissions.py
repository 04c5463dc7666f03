"""Wishes about calls that wait for a person, and about rules."""

from typing import TypeAlias, assert_never

import msgspec

from mentra_actors.domain.agent.commands import ResolvePermission
from mentra_actors.domain.permission_rules import RememberRule, RevokeRule, RuleScope, new_rule
from mentra_actors.domain.rule_match import RuleMatch
from mentra_actors.ids import AgentId, CommandId, StreamId, agent_stream

__all__ = ["PermissionWish", "RememberWish", "ResolveWish", "RevokeWish", "permission_order"]


class ResolveWish(msgspec.Struct, frozen=True, kw_only=True, tag="resolve_permission.v1"):
    """Decide about a call that waits for a person; see `ResolvePermission`."""

    agent_id: AgentId
    request_id: CommandId
    allow: bool
    reason: str = ""
    remember: RuleScope | None = None
    match: RuleMatch | None = None


class RememberWish(msgspec.Struct, frozen=True, kw_only=True, tag="remember_rule.v1"):
    """Remember a rule in the scope with this stream."""

    rules: StreamId
    tool: str
    match: RuleMatch
    allow: bool
    reason: str = ""


class RevokeWish(msgspec.Struct, frozen=True, kw_only=True, tag="revoke_rule.v1"):
    """Forget a rule of the scope with this stream."""

    rules: StreamId
    rule_id: str


PermissionWish: TypeAlias = ResolveWish | RememberWish | RevokeWish


def permission_order(
    wish: PermissionWish, command_id: CommandId, *, by: str, now: float
) -> tuple[StreamId, object]:
    """The stream that a wish is for, and the command that it stands for."""
    match wish:
        case ResolveWish():
            return agent_stream(wish.agent_id), _resolution(wish, by, command_id, now)
        case RememberWish(rules=rules):
            return rules, _remember_order(wish, by, command_id, now)
        case RevokeWish(rules=rules, rule_id=rule_id):
            return rules, RevokeRule(rule_id=rule_id, command_id=command_id, now=now, by=by)
        case _:
            assert_never(wish)


def _resolution(
    wish: ResolveWish, by: str, command_id: CommandId, now: float
) -> ResolvePermission:
    return ResolvePermission(
        request_id=wish.request_id,
        allow=wish.allow,
        now=now,
        reason=wish.reason,
        resolved_by=by,
        remember=wish.remember,
        match=wish.match,
        command_id=command_id,
    )


def _remember_order(
    wish: RememberWish, by: str, command_id: CommandId, now: float
) -> RememberRule:
    rule = new_rule(
        wish.rules,
        tool=wish.tool,
        match=wish.match,
        allow=wish.allow,
        reason=wish.reason,
        now=now,
        by=by,
    )
    return RememberRule(rule=rule, command_id=command_id)
