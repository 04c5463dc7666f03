"""Remembered rules: what a person has decided about calls that are still to come.

A scope has a stream of its own: the session of one agent, the project (its team), the whole
store. A rule is made by a command to that stream, or together with the decision about the call
from which it was made: in the same append (`agent.PermissionResolved`), so that no crash can part
the two. There is one rule per scope, tool and match; one that is made again replaces the older
one.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, assert_never, get_args

import msgspec

from mentra_actors.decider import Decider
from mentra_actors.domain.known_ids import remembered
from mentra_actors.domain.rule_match import (
    AnyCall,
    ExactCall,
    RuleMatch,
    ShownCall,
    match_fault,
    speaks_of,
)
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId, StreamId, TeamId, rules_stream

__all__ = [
    "RULES",
    "SCOPES",
    "ClearScope",
    "RememberRule",
    "RevokeRule",
    "Rule",
    "RuleCommand",
    "RuleEvent",
    "RuleRemembered",
    "RuleRevoked",
    "RuleScope",
    "RulesState",
    "ScopeCleared",
    "ScopedRule",
    "new_rule",
    "rule_for",
    "rules_in",
    "scope_of",
    "scope_stream",
]

RuleScope: TypeAlias = Literal["session", "project", "global"]
"""For one agent, for all agents of its team, for all agents of the store."""

SCOPES: tuple[RuleScope, ...] = get_args(RuleScope)
"""The narrowest first: it wins where two rules say the same."""

_RULE_ID_CHARS = 8


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided about calls of a tool. `reason` is why they are refused, for the model.

    `rule_id` is short enough to be typed, and the same for the same scope, tool and match.
    `remembered_at` is Unix seconds.
    """

    rule_id: str
    tool: str
    match: RuleMatch
    allow: bool
    reason: str = ""
    remembered_at: float = 0.0
    remembered_by: str = ""


class ScopedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule and where it holds. `owner` is the agent or the team; empty for `global`.

    `revision` is the larger, the later the rule was made in its scope.
    """

    scope: RuleScope
    owner: str
    rule: Rule
    revision: int = 0


# --- events -----------------------------------------------------------------------------------


class RuleRemembered(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="rules.remembered.v1"
):
    """The rule holds from now on, in place of an older one with its id."""

    rule: Rule
    command_id: CommandId = CommandId("")


class RuleRevoked(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="rules.revoked.v1"
):
    """The rule holds no more. Calls that it has let run are not touched."""

    rule_id: str
    revoked_at: float
    revoked_by: str = ""
    command_id: CommandId = CommandId("")


class ScopeCleared(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="rules.scope_cleared.v1"
):
    """No rule of this scope holds any more."""

    cleared_at: float
    cleared_by: str = ""
    command_id: CommandId = CommandId("")


RuleEvent: TypeAlias = RuleRemembered | RuleRevoked | ScopeCleared


# --- commands ---------------------------------------------------------------------------------


class RememberRule(msgspec.Struct, frozen=True, kw_only=True):
    """Let this rule answer from now on; made by `new_rule`."""

    rule: Rule
    command_id: CommandId


class RevokeRule(msgspec.Struct, frozen=True, kw_only=True):
    """Forget one rule."""

    rule_id: str
    command_id: CommandId
    now: float
    by: str = ""


class ClearScope(msgspec.Struct, frozen=True, kw_only=True):
    """Forget all rules of the scope."""

    command_id: CommandId
    now: float
    by: str = ""


RuleCommand: TypeAlias = RememberRule | RevokeRule | ClearScope


# --- state ------------------------------------------------------------------------------------


class RulesState(msgspec.Struct, frozen=True, kw_only=True):
    """Rules by id, and which of them came after which: `revisions` count all that ever came.

    `known_commands` are the ids of the last commands.
    """

    rules: dict[str, Rule] = {}
    revisions: dict[str, int] = {}
    made: int = 0
    known_commands: tuple[CommandId, ...] = ()


# --- scopes and ids ---------------------------------------------------------------------------


def scope_stream(scope: RuleScope, *, agent_id: AgentId, team_id: TeamId) -> StreamId:
    """The stream of a scope, as one agent sees it."""
    owners: Mapping[RuleScope, str] = {"session": agent_id, "project": team_id, "global": ""}
    owner = owners[scope]
    return rules_stream(f"{scope}.{owner}" if owner else scope)


def scope_of(scope_key: str) -> tuple[RuleScope, str] | None:
    """The scope and its owner, from the name of a stream; None if it is no scope's."""
    for scope in SCOPES:
        if scope_key == scope or scope_key.startswith(f"{scope}."):
            return scope, scope_key[len(scope) + 1 :]
    return None


def new_rule(  # noqa: PLR0913 - what a rule says, each named at the call
    stream_id: StreamId,
    *,
    tool: str,
    match: RuleMatch,
    allow: bool,
    reason: str = "",
    now: float = 0.0,
    by: str = "",
) -> Rule:
    """A rule of the scope with this stream. One that allows keeps no reason."""
    return Rule(
        rule_id=_rule_id(stream_id, tool, match),
        tool=tool,
        match=match,
        allow=allow,
        reason="" if allow else reason,
        remembered_at=now,
        remembered_by=by,
    )


def _rule_id(stream_id: StreamId, tool: str, match: RuleMatch) -> str:
    named = ExactCall(digest=match.digest) if isinstance(match, ExactCall) else match
    whole = hashlib.sha256(msgspec.json.encode((stream_id, tool, named))).digest()
    return base64.b32encode(whole).decode().lower()[:_RULE_ID_CHARS]


def rules_in(state: RulesState, scope: RuleScope, owner: str) -> tuple[ScopedRule, ...]:
    """The rules of a scope, the oldest first."""
    found = [
        ScopedRule(scope=scope, owner=owner, rule=rule, revision=state.revisions.get(name, 0))
        for name, rule in state.rules.items()
    ]
    return tuple(sorted(found, key=lambda one: one.revision))


# --- which rule answers -----------------------------------------------------------------------


def rule_for(rules: Iterable[ScopedRule], call: ShownCall) -> ScopedRule | None:
    """The rule that answers for a call; None if no rule speaks of it.

    A refusal wins over every permission. Then one that speaks of some calls wins over one that
    speaks of all, a narrow scope over a wide one, and the newer one: the order of `rules` is
    nothing.
    """
    speaking = [
        one
        for one in rules
        if one.rule.tool == call.tool and speaks_of(one.rule.match, call, allow=one.rule.allow)
    ]
    return min(speaking, key=_rank, default=None)


def _rank(one: ScopedRule) -> tuple[bool, bool, int, int, str]:
    rule = one.rule
    is_bare = isinstance(rule.match, AnyCall)
    return (rule.allow, is_bare, SCOPES.index(one.scope), -one.revision, rule.rule_id)


# --- the decider ------------------------------------------------------------------------------


def decide(command: RuleCommand, state: RulesState) -> Sequence[RuleEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: nothing could be meant by the rule, or there is none with this id.
    """
    if command.command_id in state.known_commands:
        return []  # delivered twice: the first delivery was recorded
    match command:
        case RememberRule(rule=rule):
            return _remember(command, state.rules.get(rule.rule_id))
        case RevokeRule(rule_id=rule_id):
            if rule_id not in state.rules:
                raise CommandRejected(f"there is no rule {rule_id!r} here")
            return [
                RuleRevoked(
                    rule_id=rule_id,
                    revoked_at=command.now,
                    revoked_by=command.by,
                    command_id=command.command_id,
                )
            ]
        case ClearScope(now=now, by=by):
            cleared = ScopeCleared(cleared_at=now, cleared_by=by, command_id=command.command_id)
            return [cleared] if state.rules else []
        case _:
            assert_never(command)


def _remember(command: RememberRule, present: Rule | None) -> Sequence[RuleEvent]:
    rule = command.rule
    fault = match_fault(rule.match) if rule.tool else "a rule names a tool"
    if fault:
        raise CommandRejected(fault)
    if present is not None and (present.allow, present.reason) == (rule.allow, rule.reason):
        return []
    return [RuleRemembered(rule=rule, command_id=command.command_id)]


def evolve(state: RulesState, event: RuleEvent) -> RulesState:
    """State after one event."""
    known = state.known_commands
    if event.command_id:
        known = remembered(known, event.command_id)
    rules, revisions, made = state.rules, state.revisions, state.made
    match event:
        case RuleRemembered(rule=rule):
            made += 1
            rules = {**rules, rule.rule_id: rule}
            revisions = {**revisions, rule.rule_id: made}
        case RuleRevoked(rule_id=gone):
            rules = {name: rule for name, rule in rules.items() if name != gone}
            revisions = {name: number for name, number in revisions.items() if name != gone}
        case ScopeCleared():
            rules, revisions = {}, {}
        case _:
            assert_never(event)
    return RulesState(rules=rules, revisions=revisions, made=made, known_commands=known)


RULES: Decider[RuleCommand, RuleEvent, RulesState, None] = Decider(
    category="rules",
    initial=RulesState(),
    event_types=frozenset(get_args(RuleEvent)),
    decide=decide,
    evolve=evolve,
)
