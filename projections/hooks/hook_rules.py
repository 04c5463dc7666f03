"""What the events of remembered rules say to observers. Pure."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from mentra_actors.domain.permission_rules import (
    RULES,
    RuleRemembered,
    RuleRevoked,
    RulesState,
    ScopeCleared,
    scope_of,
)
from mentra_actors.domain.rule_match import ExactCall
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, name_of
from projections.hooks import hook_event as told
from projections.hooks.hook_event import HookEvent

__all__ = ["rule_hook_events"]

_Outcome: TypeAlias = tuple[RulesState, Sequence[HookEvent]]


def rule_hook_events(state: RulesState, recorded: RecordedEvent[Any]) -> _Outcome:
    """What one event of a scope's stream says, and its rules after it."""
    event = recorded.event
    after = RULES.evolve(state, event)
    place = scope_of(name_of(recorded.stream_id))
    if place is None:
        return after, ()
    scope, owner = place
    at: dict[str, Any] = {
        "agent_id": AgentId(owner if scope == "session" else ""),
        "position": recorded.global_position,
        "recorded_at": recorded.recorded_at_ns / 1e9,
        "scope": scope,
        "owner": owner,
    }
    match event:
        case RuleRemembered():
            return after, (_remembered(event, at),)
        case RuleRevoked(rule_id=rule_id, revoked_by=by):
            rule = state.rules.get(rule_id)
            tool = "" if rule is None else rule.tool
            return after, (
                told.PermissionRuleRevoked(rule_id=rule_id, tool_name=tool, by=by, **at),
            )
        case ScopeCleared(cleared_by=by):
            gone = tuple(state.rules)
            return after, (told.PermissionRulesCleared(rule_ids=gone, by=by, **at),)
        case _:
            return after, ()


def _remembered(event: RuleRemembered, at: dict[str, Any]) -> HookEvent:
    """Without the words of an exact call: what stands in them may be meant for no audit."""
    rule, match = event.rule, event.rule.match
    return told.PermissionRuleRemembered(
        rule_id=rule.rule_id,
        tool_name=rule.tool,
        match=ExactCall(digest=match.digest) if isinstance(match, ExactCall) else match,
        allow=rule.allow,
        reason=rule.reason,
        by=rule.remembered_by,
        **at,
    )
