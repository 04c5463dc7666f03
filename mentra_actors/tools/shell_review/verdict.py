"""What a review says: the intent of a command, and whether it may run."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import msgspec

__all__ = [
    "INTENTS",
    "READS",
    "Intent",
    "Opinion",
    "ReviewVerdict",
    "ReviewedCommand",
    "ShellReview",
    "strongest_intent",
    "strongest_verdict",
]

Intent: TypeAlias = Literal[
    "read_only", "write", "process", "package", "network", "unknown", "system", "destructive"
]
ReviewVerdict: TypeAlias = Literal["allow", "warn", "block"]

INTENTS: tuple[Intent, ...] = get_args(Intent)
"""From the weakest to the strongest. What is `unknown` might do anything; two tell more."""

_VERDICTS: tuple[ReviewVerdict, ...] = get_args(ReviewVerdict)


def strongest_intent(*intents: Intent) -> Intent:
    """The strongest of them; `read_only` of none."""
    return INTENTS[max(map(INTENTS.index, intents), default=0)]


def strongest_verdict(*verdicts: ReviewVerdict) -> ReviewVerdict:
    """The strongest of them; `allow` of none."""
    return _VERDICTS[max(map(_VERDICTS.index, verdicts), default=0)]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one part of a command would do, and the verdict where something may be written."""

    intent: Intent = "read_only"
    verdict: ReviewVerdict = "allow"
    reason: str = ""


READS = Opinion()
"""Nothing is changed."""


class ReviewedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One simple command that was found, also inside of others, as in `sudo` or `$(…)`.

    `words` are without their quotes; a part that only the shell knows stands as it was written.
    """

    words: tuple[str, ...]
    intent: Intent
    redirects: tuple[str, ...] = ()


class ShellReview(msgspec.Struct, frozen=True, kw_only=True):
    """What a command would do, as far as its text tells. `msgspec.to_builtins` makes it JSON.

    `intent` is the strongest of all parts. `reason` is for people and models; empty if there is
    nothing to say. With `is_parsed` false nothing is known for sure. `simple_words` are the words
    of a command that is one simple command and nothing else: no redirect, variable, pattern,
    assignment or operator; of every other command they are empty. `paths` are the files that it
    names literally.
    """

    intent: Intent
    verdict: ReviewVerdict
    reason: str = ""
    commands: tuple[ReviewedCommand, ...] = ()
    is_parsed: bool
    simple_words: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
