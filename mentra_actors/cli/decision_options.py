"""Options of the commands that decide, and what their words mean."""

import getpass
from typing import Annotated, TypeAlias

import typer

from mentra_actors.domain.permission_rules import RuleScope
from mentra_actors.domain.rule_match import (
    AnyCall,
    BelowFolder,
    CommandPrefix,
    ExactCall,
    InputPattern,
    RuleMatch,
)
from mentra_actors.errors import CommandRejected
from projections.views.approvals import Approval

__all__ = ["MATCHES", "By", "Match", "Remember", "Wait", "chosen_match", "match_of", "person"]

MATCHES = "any, command:WORDS, below:FOLDER, pattern:PATTERN"
"""What `match_of` knows, in words."""

Remember: TypeAlias = Annotated[
    RuleScope | None,
    typer.Option(
        help="Decide calls like this one from now on: of this agent (session), of the team "
        "(project), of the whole store (global)."
    ),
]
Match: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="What is remembered: a number that `mentra approvals` shows, exact, any, "
        "'command:git status', below:/a/folder or 'pattern:{\"euros\":?}' (for paths: below). "
        "Without it: exactly this call."
    ),
]
By: TypeAlias = Annotated[
    str | None, typer.Option(help="Who decides; without it: the name of this user.")
]
Wait: TypeAlias = Annotated[
    float, typer.Option(min=0, help="Seconds to wait for the process that writes the store.")
]


def person(by: str | None) -> str:
    """Who decides."""
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return ""


def chosen_match(words: str, approval: Approval) -> RuleMatch:
    """What is to be remembered of a call.

    Raises:
        CommandRejected: nothing is meant by these words; says what could be.
    """
    offers = approval.offers
    meant = match_of(words)
    if meant is not None:
        return meant
    if words == "exact" and isinstance(offers[0].match, ExactCall):
        return offers[0].match
    if words.isdecimal() and 0 < int(words) <= len(offers):
        return offers[int(words) - 1].match
    numbered = ", ".join(f"{n} {one.words}" for n, one in enumerate(offers, 1))
    raise CommandRejected(
        f"--match does not know {words!r}; for this call: {numbered}; or exact, {MATCHES}"
    )


def match_of(words: str) -> RuleMatch | None:
    """What these words mean of whichever call; None if they mean nothing, or one call."""
    kind, _, rest = words.partition(":")
    match kind:
        case "any":
            return AnyCall()
        case "command":
            return CommandPrefix(tuple(rest.split()))
        case "below":
            return BelowFolder(rest)
        case "pattern":
            return InputPattern(rest)
        case _:
            return None
