"""Calls that wait for a person, and rules, as text for people and as JSON for programs."""

from collections.abc import Sequence

import msgspec
from rich.text import Text

from mentra_actors.cli.render.render_preview import preview_lines
from mentra_actors.domain.permission_rules import ScopedRule
from mentra_actors.domain.rule_match import ExactCall, match_words
from mentra_actors.domain.tool_call import unexplained_request
from projections.views.approvals import Approval

__all__ = [
    "RULE_COLUMNS",
    "approval_document",
    "approval_text",
    "rule_document",
    "rule_row",
    "time_span",
]

RULE_COLUMNS = ("rule", "scope", "answer", "tool", "what", "reason", "by")
_SHOWN_CHARS = 2000
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def approval_text(one: Approval, now: float) -> Text:
    """A call that waits: its name, since when, why, what it would do, what may be remembered."""
    text = Text()
    text.append(one.name, style="bold")
    text.append(f"  {one.tool}", style="cyan")
    text.append(f"  asked {time_span(now - one.requested_at)} ago", style="dim")
    if one.expires_at is not None:
        left_s = one.expires_at - now
        ends = f"expires in {time_span(left_s)}" if left_s > 0 else "has expired"
        text.append(f", {ends}", style="yellow")
    if one.description != unexplained_request(one.tool):
        text.append(f"\n  {one.description}")
    preview = "\n".join(preview_lines(one)).replace("\n", "\n  ")
    cut = f"{preview[:_SHOWN_CHARS]}… ({len(preview):,} characters; --json has all)"
    text.append(f"\n  {preview if len(preview) <= _SHOWN_CHARS else cut}")
    text.append("\n  may be remembered:", style="dim")
    for number, offer in enumerate(one.offers, 1):
        is_exact = isinstance(offer.match, ExactCall)
        words = "exactly this call" if is_exact else offer.words
        text.append(f"\n    {number}  {words}", style="dim")
    return text


def approval_document(one: Approval, now: float) -> dict[str, object]:
    """A call that waits, for programs."""
    return {
        "name": one.name,
        "agent": one.agent_name,
        "agent_id": one.agent_id,
        "request_id": one.request_id,
        "tool": one.tool,
        "description": one.description,
        "preview": one.preview,
        "requested_at": one.requested_at,
        "age_s": round(max(now - one.requested_at, 0.0), 3),
        "expires_at": one.expires_at,
        "offers": msgspec.to_builtins(one.offers),
    }


def rule_row(one: ScopedRule) -> Sequence[Text]:
    """One rule."""
    rule = one.rule
    answer = Text("allow", style="green") if rule.allow else Text("deny", style="red")
    return [
        Text(rule.rule_id, style="bold"),
        Text(f"{one.scope} {one.owner}".strip()),
        answer,
        Text(rule.tool),
        Text(match_words(rule.match, rule.tool)),
        Text(rule.reason),
        Text(rule.remembered_by),
    ]


def rule_document(one: ScopedRule) -> dict[str, object]:
    """One rule, for programs."""
    rule = one.rule
    return {
        "rule_id": rule.rule_id,
        "scope": one.scope,
        "owner": one.owner,
        "allow": rule.allow,
        "tool": rule.tool,
        "match": msgspec.to_builtins(rule.match),
        "words": match_words(rule.match, rule.tool),
        "reason": rule.reason,
        "remembered_at": rule.remembered_at,
        "remembered_by": rule.remembered_by,
    }


def time_span(seconds: float) -> str:
    """A length of time in its largest unit."""
    whole = max(int(seconds), 0)
    for unit, size in (("d", _DAY_S), ("h", _HOUR_S), ("min", _MINUTE_S)):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"
