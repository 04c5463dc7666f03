"""What is known of Gemini models: a table, to refuse before sending only what is known to fail.

Models that are not in it take everything as it is given.
"""

from collections.abc import Mapping

import msgspec

__all__ = ["ModelTraits", "bare_name", "resource_name", "traits_of"]


class ModelTraits(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes.

    `levels` are the words of `thinkingLevel` that it knows (None: not known, so any).
    `takes_budget` says whether thinking may be bounded by a number of tokens, `can_stop_thinking`
    whether that number may be 0, and `reasons` whether it thinks at all. `needs_signatures` models
    answer 400 to a call in the history without one. `combines` says whether tools of the server,
    functions and a shape of the answer may stand in one request, `takes_result_parts` whether
    the result of a function may hold images, and `reports_hosted_calls` whether the calls of the
    server's own tools can be asked for.
    """

    levels: tuple[str, ...] | None = None
    takes_budget: bool = True
    can_stop_thinking: bool = True
    reasons: bool = True
    needs_signatures: bool = False
    combines: bool = True
    takes_result_parts: bool = False
    reports_hosted_calls: bool = False


_UNKNOWN = ModelTraits()
_FUTURE = ModelTraits(needs_signatures=True)
_LATE = ModelTraits(
    levels=("minimal", "low", "medium", "high"),
    needs_signatures=True,
    takes_result_parts=True,
    reports_hosted_calls=True,
)
_LATE_UNMINIMAL = msgspec.structs.replace(_LATE, levels=("low", "medium", "high"))
_LATE_PRO = msgspec.structs.replace(_LATE_UNMINIMAL, can_stop_thinking=False)
_BUDGET = ModelTraits(levels=(), combines=False)
_BUDGET_PRO = msgspec.structs.replace(_BUDGET, can_stop_thinking=False)
_UNTHINKING = ModelTraits(levels=(), takes_budget=False, reasons=False, combines=False)

_TRAITS: Mapping[str, ModelTraits] = {
    "gemini-1": _UNTHINKING,
    "gemini-2.0": _UNTHINKING,
    "gemini-2.0-flash-thinking": _UNKNOWN,
    "gemini-2.5": _BUDGET,
    "gemini-2.5-pro": _BUDGET_PRO,
    "gemini-3": _LATE,
    "gemini-3-pro": _LATE_PRO,
    "gemini-3.1-pro": _LATE_PRO,
    "gemini-3.7-flash": _LATE_UNMINIMAL,
    "gemini-": _FUTURE,
}
"""By the beginning of the name; the longest one that fits counts."""


def traits_of(model: str) -> ModelTraits:
    """What the model takes; a name that is not known takes anything."""
    name = bare_name(model)
    fitting = [prefix for prefix in _TRAITS if name.startswith(prefix)]
    return _TRAITS[max(fitting, key=len)] if fitting else _UNKNOWN


def bare_name(model: str) -> str:
    """The name of a model without the collection that it is in."""
    return model.rpartition("/")[2]


def resource_name(model: str) -> str:
    """The name with its collection, like `models/gemini-2.5-pro` or `tunedModels/mine`."""
    return model if "/" in model else f"models/{model}"
