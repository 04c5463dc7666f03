"""From the keyword arguments of `send` and its like to the options of a run."""

from collections.abc import Mapping, MutableMapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypedDict

from mentra_actors.domain.agent.fallback import Fallback
from mentra_actors.domain.agent.run_options import (
    Approvals,
    OnFailure,
    RetrySchedule,
    RunOptions,
    option_fault,
)
from mentra_actors.domain.storable import as_stored
from mentra_actors.effects.round_decisions import RoundStrategy
from mentra_actors.runtime.plain_arguments import require_known

__all__ = ["STOP_GRACE_S", "RunArguments", "given_options", "run_options"]

STOP_GRACE_S = 30.0
"""How long `stop_run` lets a call run on by default."""
_MOST = 2**63 - 1
_MOST_USD = 10**12


class RunArguments(TypedDict, total=False):
    """Limits and ways of one run; see `RunOptions`. Money is in US dollars here.

    `fallbacks` are models that take over when the agent's own has failed: names, or `Fallback`s.

    A `strategy` that is a function counts for this process; after a restart the run is asked for
    by its name, so pass it to `open_runtime(strategies=...)` under that name as well.
    """

    deadline_s: float | None
    deadline_at: float | None
    retry_budget: int
    retry: RetrySchedule
    tool_budget: int | None
    model_budget: int | None
    token_budget: int | None
    cost_budget_usd: float | Decimal | None
    strategy: str | RoundStrategy
    on_failure: OnFailure
    approvals: Approvals
    fallbacks: Sequence[Fallback | str]


def given_options(arguments: Mapping[str, object]) -> tuple[str, ...]:
    """The options of a run that the arguments name; the others are the agent's."""
    names = {"cost_budget_usd": "cost_budget_usd_micros"}
    return tuple(names.get(one, one) for one in arguments)


def run_options(
    arguments: Mapping[str, Any], strategies: MutableMapping[str, RoundStrategy]
) -> RunOptions | None:
    """The options that the arguments name; None if there are none: those of the agent count.

    A strategy that is a function is added to `strategies`, under its name.

    Raises:
        TypeError: an argument is not known, or has the wrong type.
        ValueError: a number is one that no limit can be.
    """
    require_known(arguments, RunArguments.__annotations__, "a run has no option")
    if not arguments:
        return None
    fields = dict(arguments)
    if "fallbacks" in fields:
        fields["fallbacks"] = _fallbacks(fields["fallbacks"])
    _require_bounds(fields)
    cost = fields.pop("cost_budget_usd", None)
    strategy = fields.pop("strategy", "")
    options = RunOptions(
        **fields,
        cost_budget_usd_micros=None if cost is None else _micros(cost),
        strategy=_strategy_name(strategy, strategies),
    )
    checked = as_stored(options, RunOptions, "an option of a run is wrong")
    if fault := option_fault(checked):
        raise ValueError(fault)
    return checked


def _require_bounds(fields: Mapping[str, object]) -> None:
    for name, value in fields.items():
        if isinstance(value, int) and not -_MOST <= value <= _MOST:
            raise ValueError(f"{name} is beyond all bounds: it must be at most {_MOST:,}")


def _fallbacks(given: Any) -> tuple[Fallback, ...]:
    """Fallbacks; a name of a model alone takes over after any failure."""
    if isinstance(given, str | Fallback):
        raise TypeError("fallbacks are a list of models, not a single one")
    return tuple(Fallback(model=one) if isinstance(one, str) else one for one in given)


def _micros(dollars: object) -> int:
    """Millionths of a dollar, the half rounded up; a float means its shortest decimal form."""
    if isinstance(dollars, bool) or not isinstance(dollars, int | float | Decimal):
        raise TypeError(f"cost_budget_usd is a number of US dollars, not {dollars!r}")
    exact = Decimal(repr(float(dollars))) if isinstance(dollars, float) else Decimal(dollars)
    if not exact.is_finite() or not 0 <= exact <= _MOST_USD:
        raise ValueError(f"cost_budget_usd must be from 0 to {_MOST_USD:,}, found {dollars}")
    return int((exact * 1_000_000).to_integral_value(ROUND_HALF_UP))


def _strategy_name(
    strategy: str | RoundStrategy, strategies: MutableMapping[str, RoundStrategy]
) -> str:
    if isinstance(strategy, str):
        return strategy
    name = str(getattr(strategy, "__name__", type(strategy).__name__))
    if name == "<lambda>":
        raise TypeError("a strategy needs a name: define it with def, or register it by name")
    known = strategies.setdefault(name, strategy)
    if known is not strategy:
        raise TypeError(
            f"two round strategies are named {name!r}; register them under different names"
        )
    return name
