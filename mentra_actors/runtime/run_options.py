"""From the keyword arguments of `send` and its like to the options of a run."""

from collections.abc import Mapping, MutableMapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypedDict

import msgspec

from mentra_actors.domain.agent.run_options import (
    Approvals,
    OnFailure,
    RetrySchedule,
    RunOptions,
    option_fault,
)
from mentra_actors.effects.round_decisions import RoundStrategy

__all__ = ["RunArguments", "run_options"]


class RunArguments(TypedDict, total=False):
    """Limits and ways of one run; see `RunOptions`. Money is in US dollars here.

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


def run_options(
    arguments: Mapping[str, Any], strategies: MutableMapping[str, RoundStrategy]
) -> RunOptions | None:
    """The options that the arguments name; None if there are none: those of the agent count.

    A strategy that is a function is added to `strategies`, under its name.

    Raises:
        TypeError: an argument is not known, or has the wrong type.
        ValueError: a number is one that no limit can be.
    """
    if unknown := set(arguments) - set(RunArguments.__annotations__):
        known = ", ".join(RunArguments.__annotations__)
        raise TypeError(f"a run has no option {sorted(unknown)[0]!r}; there are {known}")
    if not arguments:
        return None
    fields = dict(arguments)
    cost = fields.pop("cost_budget_usd", None)
    strategy = fields.pop("strategy", "")
    options = RunOptions(
        **fields,
        cost_budget_usd_micros=None if cost is None else _micros(cost),
        strategy=_strategy_name(strategy, strategies),
    )
    try:
        checked = msgspec.msgpack.decode(msgspec.msgpack.encode(options), type=RunOptions)
    except (msgspec.ValidationError, TypeError) as error:
        raise TypeError(f"an option of a run has the wrong type: {error}") from error
    if fault := option_fault(checked):
        raise ValueError(fault)
    return checked


def _micros(dollars: float | Decimal) -> int:
    """Millionths of a dollar, the half rounded up; a float means its shortest decimal form."""
    exact = dollars if isinstance(dollars, Decimal) else Decimal(repr(dollars))
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
