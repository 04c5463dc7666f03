"""Looks up what people have decided about calls like this one."""

from mentra_actors.domain.permission_rules import (
    SCOPES,
    RulesState,
    ScopedRule,
    rule_for,
    rules_in,
    scope_stream,
)
from mentra_actors.domain.rule_match import ShownCall, has_text
from mentra_actors.tools.contract import Commands
from mentra_actors.tools.review import CallPreview, RuleAnswer

__all__ = ["RuleLookups"]


class RuleLookups:
    """See `RememberedRules`. Asks the owners of the scopes, so it knows what was just decided."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def __call__(self, call: CallPreview) -> RuleAnswer | None:
        """The answer of the rule that speaks of the call, if one does."""
        rules: list[ScopedRule] = []
        for scope in SCOPES:
            stream_id = scope_stream(scope, agent_id=call.agent_id, team_id=call.team_id)
            state: RulesState = await self._commands.look(stream_id)
            rules += rules_in(state, scope, "")
        shown = ShownCall(
            tool=call.tool,
            structured=call.structured if has_text(call.structured) else None,
            is_by_tool=call.is_by_tool,
        )
        found = rule_for(rules, shown)
        if found is None:
            return None
        rule = found.rule
        return RuleAnswer(allow=rule.allow, rule=rule.rule_id, reason=rule.reason)
