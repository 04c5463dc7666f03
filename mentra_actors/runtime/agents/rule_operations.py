"""What can be done with remembered rules, as futures. Safe from any thread."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol, TypedDict

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.permission_rules import (
    RULES,
    ClearScope,
    RememberRule,
    RevokeRule,
    RuleScope,
    ScopedRule,
    new_rule,
    rules_in,
    scope_of,
    scope_stream,
)
from mentra_actors.domain.rule_match import AnyCall, RuleMatch
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, StreamId, name_of, rules_stream
from mentra_actors.runtime.agents.decisions import checked_match, checked_scope
from mentra_actors.runtime.agents.run_operations import new_id
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import chained, mapped
from mentra_actors.runtime.plain_arguments import (
    id_of,
    require_known,
    require_text,
)
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from mentra_actors.tools.plain_kinds import require_flag

__all__ = [
    "RuleArguments",
    "RuleOperations",
    "rule_arguments",
    "rule_named",
    "rule_stream",
    "stored_rules",
]


class OneAgent(Protocol):
    """An agent of either face."""

    @property
    def agent_id(self) -> AgentId:
        """Its id."""
        ...


class RuleArguments(TypedDict, total=False):
    """What a rule speaks of and where it holds; see `Runtime.remember_rule`."""

    match: RuleMatch
    scope: RuleScope
    agent: OneAgent
    reason: str
    by: str


def rule_arguments(said: RuleArguments) -> RuleArguments:
    """Arguments, checked.

    Raises:
        TypeError, ValueError: one is not known, or is no text, scope or match.
    """
    require_known(said, RuleArguments.__annotations__, "a rule has no argument")
    for text, what in ((said.get("reason", ""), "a reason"), (said.get("by", ""), "a name")):
        require_text(text, what)
    checked = said.copy()
    if "match" in said:
        checked["match"] = checked_match(said["match"])
    if "scope" in said:
        checked["scope"] = checked_scope(said["scope"])
    return checked


class RuleOperations:
    """Commands and questions about the rules of a store."""

    def __init__(self, core: RuntimeCore) -> None:
        self._core = core

    def listed(self) -> "Future[Sequence[ScopedRule]]":
        """All rules of the store that hold now."""
        core = self._core
        everything = rules_stream("global")
        return mapped(
            core.look(everything),
            lambda _accepted: stored_rules(core.store, core.journal),
            on=core.readers,
        )

    def remember(self, tool: str, said: RuleArguments, *, allow: bool) -> "Future[str]":
        """See `Runtime.remember_rule`."""
        require_text(tool, "a tool")
        require_flag(allow, "allow")
        agent = said.get("agent")
        scope = said.get("scope", "project" if agent is None else "session")
        stream_id = self._scope_stream(scope, agent)
        rule = new_rule(
            stream_id,
            tool=tool,
            match=said.get("match", AnyCall()),
            allow=allow,
            reason=said.get("reason", ""),
            now=self._core.clock.now(),
            by=said.get("by", ""),
        )
        command = RememberRule(rule=rule, command_id=new_id())
        return mapped(self._core.ask(stream_id, command), lambda _accepted: rule.rule_id)

    def revoke(self, rule_id: str, by: str) -> "Future[Accepted]":
        """See `Runtime.revoke_rule`."""
        for text, what in ((rule_id, "a rule"), (by, "a name")):
            require_text(text, what)

        def revoked(rules: Sequence[ScopedRule]) -> "Future[Accepted]":
            found = rule_named(rules, rule_id)
            command = RevokeRule(
                rule_id=found.rule.rule_id,
                command_id=new_id(),
                now=self._core.clock.now(),
                by=by,
            )
            return self._core.ask(rule_stream(found), command)

        return chained(self.listed(), revoked)

    def clear(self, scope: RuleScope, agent: OneAgent | None, by: str) -> "Future[Accepted]":
        """See `Runtime.clear_rules`."""
        require_text(by, "a name")
        command = ClearScope(command_id=new_id(), now=self._core.clock.now(), by=by)
        return self._core.ask(self._scope_stream(scope, agent), command)

    def _scope_stream(self, scope: RuleScope, agent: OneAgent | None) -> StreamId:
        if (checked_scope(scope) == "session") != (agent is not None):
            raise ValueError("rules of a session are those of an agent: name it, and only then")
        agent_id = id_of(agent) or AgentId("")
        return scope_stream(scope, agent_id=agent_id, team_id=self._core.settings.team)


def stored_rules(reader: JournalReader, journal: Journal) -> Sequence[ScopedRule]:
    """All rules of a store that hold now, by scope and then by age. Blocks."""
    found: list[ScopedRule] = []
    for stream_id in reader.stream_ids(RULES.category):
        place = scope_of(name_of(stream_id))
        if place is None:
            continue
        events: list[object] = [one.event for one in journal.read_stream(stream_id)]
        found += rules_in(RULES.fold(events), *place)
    return found


def rule_stream(one: ScopedRule) -> StreamId:
    """The stream in which a rule stands."""
    return rules_stream(f"{one.scope}.{one.owner}" if one.owner else one.scope)


def rule_named(rules: Sequence[ScopedRule], rule_id: str) -> ScopedRule:
    """The rule with this id, or the only one whose id begins so.

    Raises:
        CommandRejected: there is none, or there are several.
    """
    found = [one for one in rules if rule_id and one.rule.rule_id.startswith(rule_id)]
    if len(found) == 1:
        return found[0]
    if not found:
        known = ", ".join(one.rule.rule_id for one in rules) or "none"
        raise CommandRejected(f"there is no rule {rule_id!r}; rules: {known}")
    named = ", ".join(one.rule.rule_id for one in found)
    raise CommandRejected(f"{rule_id!r} may be any of {named}")
