"""What one run may use and how it is steered: limits, retries, output, failure."""

import math
from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.fallback import Fallback
from mentra_actors.ids import StreamId

__all__ = [
    "Approvals",
    "OnFailure",
    "RetrySchedule",
    "RunOptions",
    "TerminalOutput",
    "child_options",
    "chosen_options",
    "option_fault",
]

OnFailure: TypeAlias = Literal["suspend", "rollback"]
"""`suspend`: finished rounds stay, `resume` goes on. `rollback`: the run is taken back whole."""

Approvals: TypeAlias = Literal["wait", "refuse"]
"""What becomes of a call that needs a person: it waits for one, or is refused at once."""

_MOST_DOUBLINGS = 31


class RetrySchedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Waits before a failed model call is made again, in seconds.

    They double from `base_s` up to `max_s`. A provider may ask for more (`Retry-After`), which
    counts up to `retry_after_cap_s`; it can never make a wait shorter.
    """

    base_s: float = 0.5
    max_s: float = 5.0
    retry_after_cap_s: float = 60.0

    def delay_s(self, attempt: int, retry_after_s: float | None) -> float:
        """Wait after the failed attempt with this number, from 1."""
        doublings = min(max(attempt, 1) - 1, _MOST_DOUBLINGS)
        scheduled = min(self.base_s * 2.0**doublings, self.max_s)
        return max(scheduled, min(retry_after_s or 0.0, self.retry_after_cap_s))


class TerminalOutput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The typed value that a run is to end with.

    `schema` is its JSON Schema, as JSON text. With the mode `tool` the model hands it over by
    calling `tool_name`; with `native` the provider makes it write an answer of this shape. One
    that does not fit is sent back `retries` times. `keeps_tools` leaves the agent its tools.
    """

    tool_name: str
    schema: str
    description: str = ""
    keeps_tools: bool = False
    mode: Literal["tool", "native"] = "tool"
    retries: int = 2


class RunOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits and ways of one run.

    The run fails at `deadline_at` (Unix seconds) or `deadline_s` seconds after it began, whichever
    is first. `tool_budget` and `model_budget` are hard: the call that would go beyond fails the
    run; model calls count with their retries. `token_budget` (input and output) and
    `cost_budget_usd_micros` (millionths of a US dollar; `send` takes `cost_budget_usd`) are soft:
    the run ends in order at the next boundary after they are reached.

    A model call that fails for a time is made again `retry_budget` times, after the waits of
    `retry`. `on_failure` says what becomes of a run that breaks, `approvals` of calls that need a
    person. `strategy` is the name of a round strategy, `output` the typed value that the run is to
    end with. A run with `budget` shares what it spends with others that write to this stream.
    `fallbacks` are the models that take over, in this order, when the agent's own has failed.
    """

    deadline_at: float | None = None
    deadline_s: float | None = None
    retry_budget: int = 5
    retry: RetrySchedule = RetrySchedule()
    tool_budget: int | None = None
    model_budget: int | None = None
    token_budget: int | None = None
    cost_budget_usd_micros: int | None = None
    strategy: str = ""
    output: TerminalOutput | None = None
    on_failure: OnFailure = "suspend"
    approvals: Approvals = "wait"
    budget: StreamId = StreamId("")
    fallbacks: tuple[Fallback, ...] = ()

    def deadline(self, started_at: float) -> float | None:
        """When a run that began then must have ended, in Unix seconds; None for never."""
        ends = [] if self.deadline_at is None else [self.deadline_at]
        if self.deadline_s is not None:
            ends.append(started_at + self.deadline_s)
        return min(ends) if ends else None

    @property
    def has_shared_limits(self) -> bool:
        """True if the run has a budget that its subagents spend from as well."""
        return self.token_budget is not None or self.cost_budget_usd_micros is not None


def child_options(
    options: RunOptions, *, deadline_at: float | None, budget: StreamId
) -> RunOptions:
    """Options for the run of a subagent.

    It shares the deadline and what is left of tokens and money (through `budget`), copies how
    retries are made, and starts anew with its own tools, model calls, strategy and output.
    """
    return RunOptions(
        deadline_at=deadline_at,
        retry_budget=options.retry_budget,
        retry=options.retry,
        token_budget=options.token_budget,
        cost_budget_usd_micros=options.cost_budget_usd_micros,
        on_failure=options.on_failure,
        approvals=options.approvals,
        budget=budget,
        fallbacks=options.fallbacks,
    )


def chosen_options(
    base: RunOptions, options: RunOptions | None, given: Iterable[str] | None
) -> RunOptions | None:
    """`base` with the options that are `given`; all of them count if that is None."""
    if options is None or given is None:
        return options
    known = {name: getattr(options, name) for name in given if name in options.__struct_fields__}
    return msgspec.structs.replace(base, **known)


def option_fault(options: RunOptions) -> str:
    """Why no run could have these options; empty if one can."""
    counts = ("retry_budget", "tool_budget", "model_budget", "token_budget")
    for name in (*counts, "cost_budget_usd_micros"):
        value = getattr(options, name)
        if value is not None and value < 0:
            return f"{name} must not be negative, found {value}"
    if fault := _fallback_fault(options):
        return fault
    retry = options.retry
    times = {
        "deadline_at": options.deadline_at,
        "deadline_s": options.deadline_s,
        "retry.base_s": retry.base_s,
        "retry.max_s": retry.max_s,
        "retry.retry_after_cap_s": retry.retry_after_cap_s,
    }
    for name, seconds in times.items():
        if seconds is not None and not (math.isfinite(seconds) and seconds >= 0):
            return f"{name} must be a number of seconds from 0, found {seconds}"
    return ""


def _fallback_fault(options: RunOptions) -> str:
    for fallback in options.fallbacks:
        provider, colon, name = fallback.model.partition(":")
        if not (provider and colon and name):
            return f"a fallback is a model, provider:name, found {fallback.model!r}"
        if fallback.after_attempts is not None and fallback.after_attempts < 1:
            return f"after_attempts of a fallback is at least 1, found {fallback.after_attempts}"
    return ""
