"""What is known of models: a table, to refuse before sending only what is known to fail.

Models that are not in it take everything as it is given.
"""

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

__all__ = ["ModelTraits", "traits_of"]

ThinkingMode: TypeAlias = Literal["none", "budget", "adaptive"]


class ModelTraits(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes.

    `efforts` are the words that it knows (None: not known, so any). `mode` is how it is asked to
    think where nobody says how. `is_known` models are those of which the rest may be relied on:
    `takes_budget` and `takes_forced_tools` say what they accept, `takes_sampling` whether
    temperature and its like may differ from 1, `takes_two_samplings` whether temperature and
    `top_p` may stand together. `efforts_unthinking` are the words while thinking is disabled.
    """

    efforts: tuple[str, ...] | None = None
    efforts_unthinking: tuple[str, ...] | None = None
    mode: ThinkingMode = "adaptive"
    is_known: bool = True
    takes_budget: bool = True
    takes_sampling: bool = True
    takes_two_samplings: bool = True
    takes_forced_tools: bool = True


_THREE = ("low", "medium", "high")
_FOUR = (*_THREE, "max")
_FIVE = (*_THREE, "xhigh", "max")

_UNTHINKING = ModelTraits(efforts=(), mode="none", takes_budget=False)
_BUDGET = ModelTraits(efforts=(), mode="budget")
_BUDGET_LATE = ModelTraits(efforts=(), mode="budget", takes_two_samplings=False)
_EFFORT = ModelTraits(efforts=_THREE, mode="budget", takes_two_samplings=False)
_ADAPTIVE = ModelTraits(efforts=_FOUR, takes_two_samplings=False)
_MYTHOS_PREVIEW = ModelTraits(efforts=_FOUR, takes_forced_tools=False)
_LATEST = ModelTraits(efforts=_FIVE, takes_budget=False, takes_sampling=False)
_OPUS_5 = msgspec.structs.replace(_LATEST, efforts_unthinking=_THREE)
_UNFORCED = msgspec.structs.replace(_LATEST, takes_forced_tools=False)
_FUTURE = ModelTraits(is_known=False)
_FOREIGN = ModelTraits(is_known=False, mode="budget")

_TRAITS: Mapping[str, ModelTraits] = {
    "claude-3-opus": _UNTHINKING,
    "claude-3-sonnet": _UNTHINKING,
    "claude-3-haiku": _UNTHINKING,
    "claude-3-5-sonnet": _UNTHINKING,
    "claude-3-5-haiku": _UNTHINKING,
    "claude-3-7-sonnet": _BUDGET,
    "claude-sonnet-4": _BUDGET,
    "claude-sonnet-4-0": _BUDGET,
    "claude-opus-4": _BUDGET,
    "claude-opus-4-0": _BUDGET,
    "claude-opus-4-1": _BUDGET_LATE,
    "claude-sonnet-4-5": _BUDGET_LATE,
    "claude-haiku-4-5": _BUDGET_LATE,
    "claude-opus-4-5": _EFFORT,
    "claude-opus-4-6": _ADAPTIVE,
    "claude-sonnet-4-6": _ADAPTIVE,
    "claude-mythos-preview": _MYTHOS_PREVIEW,
    "claude-opus-4-7": _LATEST,
    "claude-opus-4-8": _LATEST,
    "claude-sonnet-5": _LATEST,
    "claude-opus-5": _OPUS_5,
    "claude-fable-5": _UNFORCED,
    "claude-mythos-5": _UNFORCED,
}
_VERSION = re.compile(r"([-@](\d{8}|latest))?(-v\d+(:\d+)?)?$")


def traits_of(model: str) -> ModelTraits:
    """The traits of a model; the date or `latest` at its end, and what resellers add, don't count.

    A name of the family that is not known counts as a newer model, any other as none of theirs.
    """
    _, family, rest = model.rpartition("claude-")
    if not family:
        return _FOREIGN
    name = _VERSION.sub("", f"{family}{rest}".replace(".", "-"), count=1)
    return _TRAITS.get(name, _FUTURE)
