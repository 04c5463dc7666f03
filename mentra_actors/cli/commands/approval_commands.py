"""`mentra approvals`, `mentra approve`, `mentra deny`: what waits for a person, and its word."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mentra_actors.cli.decision_options import By, Match, Remember, Wait, chosen_match, person
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.petitioned import remark_handed_over, state_word, wished
from mentra_actors.cli.reading import OpenStore, opened, until_ctrl_c
from mentra_actors.cli.render.render_approvals import approval_document, approval_text
from mentra_actors.domain.permission_rules import RuleScope, new_rule, scope_stream
from mentra_actors.domain.rule_match import RuleMatch, match_words
from mentra_actors.errors import CommandRejected
from mentra_actors.json_types import JsonObject
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.wishes.permissions import ResolveWish
from projections.contract import fold_parts, fold_view
from projections.views.approvals import (
    APPROVALS,
    AgentApprovals,
    Approval,
    approvals_in,
    approvals_named,
)

__all__ = ["approvals", "approve", "deny"]

_Name = Annotated[str, typer.Argument(metavar="CALL", help="Its name in `mentra approvals`.")]


def approvals(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on as calls come.")] = False,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Calls that wait for a person, the oldest first.

    With what may be remembered of each.
    """
    output = Output(as_json=as_json)
    with opened(store) as team:
        if watch:
            with until_ctrl_c(follows=True):
                _show_changes(output, team)
            return
        waiting = _waiting(team)
    now = SystemClock().now()
    if as_json:
        output.document([approval_document(one, now) for one in waiting])
    elif not waiting:
        output.show("Nothing waits for a person.")
    for one in waiting if not as_json else ():
        output.show(approval_text(one, now))


def approve(
    call: _Name,
    remember: Remember = None,
    match: Match = None,
    by: By = None,
    wait: Wait = 10.0,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Let a call run that waits for a person."""
    made = _Decision(call, allow=True, reason="", remember=remember, match=match, by=person(by))
    _decide(made, wait, store, Output(as_json=as_json))


def deny(
    call: _Name,
    reason: Annotated[str, typer.Option(help="Why; the model is told.")] = "",
    remember: Remember = None,
    match: Match = None,
    by: By = None,
    wait: Wait = 10.0,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Refuse a call that waits for a person."""
    made = _Decision(
        call, allow=False, reason=reason, remember=remember, match=match, by=person(by)
    )
    _decide(made, wait, store, Output(as_json=as_json))


# --- deciding ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Decision:
    """What was typed."""

    call: str
    allow: bool
    reason: str
    remember: RuleScope | None
    match: str | None
    by: str


def _decide(made: _Decision, wait_s: float, store: Path, output: Output) -> None:
    if made.match is not None and made.remember is None:
        raise typer.BadParameter("--match says what is remembered: say --remember as well")
    with opened(store) as team, output.spinner("Reading the log"):
        approval = _named(_waiting(team), made.call)
    match = _match(made, approval)
    wish = ResolveWish(
        agent_id=approval.agent_id,
        request_id=approval.request_id,
        allow=made.allow,
        reason=made.reason,
        remember=made.remember,
        match=match,
    )
    is_recorded = wished(output, wish, store, by=made.by, wait_s=wait_s) is not None
    _tell(output, made, approval, match, is_recorded=is_recorded)


def _match(made: _Decision, approval: Approval) -> RuleMatch | None:
    if made.remember is None:
        return None
    return chosen_match(made.match or "exact", approval)


def _tell(
    output: Output,
    made: _Decision,
    approval: Approval,
    match: RuleMatch | None,
    *,
    is_recorded: bool,
) -> None:
    rule_id = _rule_id(made, approval, match)
    words = "" if match is None else match_words(match, approval.tool)
    if output.as_json:
        output.document(
            {
                "name": approval.name,
                "request_id": approval.request_id,
                "agent_id": approval.agent_id,
                "allow": made.allow,
                "by": made.by,
                "remembered": made.remember,
                "rule_id": rule_id,
                "words": words,
                "state": state_word(is_recorded),
            }
        )
        return
    done = "allowed" if made.allow else "refused"
    to_be = "" if is_recorded else "to be "
    output.show(Text(f"{approval.name} ({approval.tool}) is {to_be}{done}."))
    if rule_id:
        output.show(Text(f"Rule {rule_id}, {made.remember}: {words}."))
    if not is_recorded:
        remark_handed_over(output)


def _rule_id(made: _Decision, approval: Approval, match: RuleMatch | None) -> str:
    if made.remember is None or match is None:
        return ""
    rules = scope_stream(made.remember, agent_id=approval.agent_id, team_id=approval.team_id)
    return new_rule(rules, tool=approval.tool, match=match, allow=made.allow).rule_id


def _named(waiting: Sequence[Approval], name: str) -> Approval:
    found = approvals_named(waiting, name)
    if len(found) == 1:
        return found[0]
    known = ", ".join(one.name for one in waiting) or "none"
    if not found:
        raise CommandRejected(f"no call waits under {name!r}; waiting: {known}")
    named = ", ".join(f"{one.agent_id}/{one.request_id}" for one in found)
    raise CommandRejected(f"{name!r} may be any of {named}")


# --- looking ----------------------------------------------------------------------------------


def _waiting(team: OpenStore) -> Sequence[Approval]:
    return approvals_in(fold_view(APPROVALS, team.journal.through()).values())


def _show_changes(output: Output, team: OpenStore) -> None:
    shown: dict[tuple[str, str], Approval] = {}
    for waiting in _views(team):
        now = time.time()
        present: dict[tuple[str, str], Approval] = {
            (one.agent_id, one.request_id): one for one in waiting
        }
        for key in [key for key in shown if key not in present]:
            _show(output, {"gone": shown[key].name}, Text(f"{shown[key].name} waits no more."))
        for key in [key for key in present if key not in shown]:
            one = present[key]
            _show(output, {"waiting": approval_document(one, now)}, approval_text(one, now))
        shown = present


def _show(output: Output, document: JsonObject, text: Text) -> None:
    if output.as_json:
        output.json_line(document)
    else:
        output.show(text)


def _views(team: OpenStore) -> Iterator[Sequence[Approval]]:
    """What waits, again after each change of the log, for ever."""
    parts: dict[str, AgentApprovals] = {}
    place = 0
    for last in team.ends(follow=True):
        while place < last and (page := team.journal.read_journal(after=place)):
            parts.update(fold_parts(APPROVALS, page, parts.get))
            place = page[-1].global_position
        yield approvals_in(parts.values())
