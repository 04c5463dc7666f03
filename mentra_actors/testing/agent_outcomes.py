"""Hypothesis strategies for what comes of an agent's effects.

See `mentra_actors.testing.agent_strategies`.

Importing this module needs `hypothesis`.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.fallback import Fallback
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.agent.run_options import RetrySchedule, RunOptions, TerminalOutput
from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.compacted import Compaction, UnwrittenSummary
from mentra_actors.domain.content import (
    AssistantBlock,
    OpaqueBlock,
    Provenance,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.domain.request_view import RequestView
from mentra_actors.domain.tool_call import OutgoingMail, RetryMode, ToolOutcome
from mentra_actors.ids import AgentId, EffectId, EntryId, MailId, StreamId
from mentra_actors.testing.strategies import moments, words

__all__ = [
    "AIM",
    "Outcome",
    "any_of",
    "effect_outcomes",
    "model_outcomes",
    "model_replies",
    "one_of",
    "outcomes_of_any_kind",
    "run_options",
    "some",
    "tool_outcomes",
]

T = TypeVar("T")

Outcome: TypeAlias = (
    c.RecordModelReply
    | c.RecordModelFailure
    | c.RecordContextFull
    | c.RecordAbandonedAnswer
    | c.RecordCallReview
    | c.RecordRoundDecision
    | c.RecordToolOutcome
    | c.RecordProbeVerdict
    | c.RecordCompensation
    | c.RecordCompaction
)

AIM = EffectId("?")
"""Stands for the id of something pending, until `aimed` puts it there."""


@st.composite
def some(draw: st.DrawFn, of: Sequence[T], at_most: int) -> tuple[T, ...]:
    """Up to `at_most` items, in any order. Hypothesis pays per draw; this is a single one."""
    base = len(of) + 1
    number = draw(st.integers(0, base**at_most - 1))
    digits = [number // base**place % base for place in range(at_most)]
    return tuple(of[digit - 1] for digit in digits if digit)


def one_of(values: Sequence[T]) -> SearchStrategy[T]:
    """One of the values. Unlike `sampled_from` it does not show them all in its `repr`."""
    return st.integers(0, len(values) - 1).map(lambda index: values[index])


def any_of(strategies: Sequence[SearchStrategy[object]]) -> SearchStrategy[Any]:
    """One of them; one that is listed twice comes twice as often, which `one_of` would not do."""
    return one_of(strategies).flatmap(lambda strategy: strategy)


# --- options ----------------------------------------------------------------------------------

_OUTPUTS = [
    TerminalOutput(tool_name="hand_over", schema="{}"),
    TerminalOutput(tool_name="hand_over", schema="{}", keeps_tools=True),
    TerminalOutput(tool_name="", schema="{}", mode="native"),
]
_OPTIONS = [
    RunOptions(token_budget=50, budget=StreamId("budget-shared")),
    RunOptions(token_budget=500, budget=StreamId("budget-shared")),
    RunOptions(),
    RunOptions(on_failure="rollback"),
    RunOptions(on_failure="rollback", model_budget=2, strategy="careful"),
    RunOptions(tool_budget=1),
    RunOptions(fallbacks=(Fallback(model="other:model"),), retry_budget=1),
    RunOptions(
        fallbacks=(
            Fallback(model="other:model", on=("overloaded",), after_attempts=1),
            Fallback(model="third:model"),
        )
    ),
    RunOptions(model_budget=0),
    RunOptions(model_budget=3, retry_budget=1),
    RunOptions(token_budget=10, retry=RetrySchedule(base_s=2.0)),
    RunOptions(cost_budget_usd_micros=10, on_failure="rollback"),
    RunOptions(deadline_s=5.0),
    RunOptions(deadline_at=60.0, strategy="careful"),
    RunOptions(strategy="careful", approvals="refuse"),
    *(RunOptions(output=output) for output in _OUTPUTS),
]


def run_options() -> SearchStrategy[RunOptions]:
    """Options of runs: most ordinary ones, and each limit and way now and then."""
    return one_of([RunOptions()] * 6 + _OPTIONS)


# --- what a model says ------------------------------------------------------------------------

_BLOCKS: Sequence[AssistantBlock] = [
    ToolCallBlock(call_id="c1", name="read"),
    ToolCallBlock(call_id="c2", name="write", arguments='{"path": "a"}'),
    TextBlock(text="yes"),
    ToolCallBlock(call_id="c2", name="task_update", arguments=""),
    ToolCallBlock(call_id="", name="nonsense", arguments='{"path": "a'),
    ThinkingBlock(encrypted="later"),
    ToolCallBlock(call_id="c1", name="write"),
    RefusalBlock(text="no"),
    OpaqueBlock(
        item_type="web_search_call",
        raw="{}",
        provenance=Provenance("openai", "model", "responses"),
    ),
]
_ANSWERS: Sequence[tuple[AssistantBlock, ...]] = [
    (TextBlock(text="done"),),
    (),
    (TextBlock(text=""), RefusalBlock(text="no")),
    (ThinkingBlock(parts=("so",)), TextBlock(text="done"), TextBlock(text="ünï ☃")),
]
_usage = one_of(
    [TokenUsage(), TokenUsage(), TokenUsage(input_tokens=3, output_tokens=2)]
    + [TokenUsage(input_tokens=30)]
)
_costs = st.sampled_from([None, 0, 4, 40])
_partials = one_of(
    [c.PartialAnswer(), c.PartialAnswer(text="half an ans"), c.PartialAnswer(thinking="hm ☃")]
)


def model_replies() -> SearchStrategy[ModelReply]:
    """Answers with and without calls: duplicate call ids, unknown tools, malformed arguments."""
    return st.builds(
        ModelReply,
        blocks=some(_BLOCKS, 4) | st.sampled_from(_ANSWERS),
        stop_reason=st.sampled_from(StopReason),
        usage=_usage,
    )


_MODES: Sequence[RetryMode] = ["never", "probe", "safe", "idempotent"]
_PLANS = [
    e.CallPlan(key=AIM, retry=retry, parallel=parallel, refusal=refusal)
    for refusal in ("", "", "Invalid arguments")
    for parallel in (True, False)
    for retry in _MODES
]
_PLANS += [
    e.CallPlan(key=AIM, retry=retry, parallel=parallel, needs_review=True, can_compensate=undo)
    for parallel in (True, False)
    for retry in ("never", "safe")
    for undo in (True, False)
]
_PLANS += [
    e.CallPlan(key=AIM, is_output=True),
    e.CallPlan(key=AIM, can_compensate=True),
    e.CallPlan(key=AIM, retry="safe", parallel=True, can_compensate=True),
]
# fewer plans than calls now and then: a call for which nobody planned
_plans = some(_PLANS, 4)

_views = st.builds(
    RequestView,
    stubbed_through=st.sampled_from([EntryId(0), EntryId(0), EntryId(3), EntryId(8)]),
    recalled=st.sampled_from(["", "", "<recalled-memory/>"]),
    reminder=st.sampled_from(["", "", "<reminder/>"]),
    compacted_by=st.sampled_from([EffectId(""), EffectId(""), EffectId("compact-1")]),
)

_model_ids = st.sampled_from([AIM] * 8 + [EffectId("model-1"), EffectId("model-2")])
_replies = st.builds(
    c.RecordModelReply,
    effect_id=_model_ids,
    reply=model_replies(),
    plans=_plans,
    now=moments,
    cost_usd_micros=_costs,
    is_output=st.sampled_from([False, False, True]),
    output_fault=st.sampled_from(["", "", "expected an object"]),
    view=_views,
)
_failures = st.builds(
    c.RecordModelFailure,
    effect_id=_model_ids,
    kind=st.sampled_from(["overloaded", "bad_request"]),
    message=words,
    transient=st.sampled_from([True, True, False]),
    now=moments,
    retry_after_s=st.sampled_from([None, 0.1, 30.0, 900.0]),
    partial=_partials,
    usage=_usage,
    cost_usd_micros=_costs,
    status=st.sampled_from([None, 429, 503]),
    code=st.sampled_from(["", "", "context_length_exceeded"]),
)
_full = st.builds(
    c.RecordContextFull,
    effect_id=_model_ids,
    tokens=st.just(60_000),
    limit=st.just(50_000),
    now=moments,
)
_abandoned = st.builds(
    c.RecordAbandonedAnswer,
    effect_id=_model_ids,
    partial=_partials,
    now=moments,
    usage=_usage,
    cost_usd_micros=_costs,
)


def model_outcomes() -> SearchStrategy[c.RecordModelReply | c.RecordModelFailure]:
    """Outcomes of a model call, most of them replies, to be `addressed`."""
    return any_of([_replies] * 5 + [_failures])


# --- what comes of calls ----------------------------------------------------------------------


def tool_outcomes() -> SearchStrategy[ToolOutcome]:
    """Results and errors; some send mail, whose ids are made unique by `aimed`."""
    return one_of(_OUTCOMES)


def _letter(to: str) -> OutgoingMail:
    return OutgoingMail(mail_id=MailId("m"), to=AgentId(to), body=f"hello {to}")


_OUTCOMES = [
    ToolOutcome(content="done"),
    ToolOutcome(content=""),
    ToolOutcome(content="failed", is_error=True),
    ToolOutcome(content="long", details="{}", spilled=BlobRef(digest="d", size_bytes=9)),
    ToolOutcome(content="sent", mail=(_letter("worker"),)),
    ToolOutcome(content="sent", mail=(_letter("worker"), _letter("lead"))),
    ToolOutcome(content="half sent", is_error=True, mail=(_letter("lead"),)),
    ToolOutcome(content="done"),
    ToolOutcome(content="bye", terminate=True),
    ToolOutcome(content="short", compaction=Compaction(through=EntryId(2), summary="so far")),
    ToolOutcome(
        content="busy",
        is_error=True,
        unwritten=UnwrittenSummary(reason="busy", usage=TokenUsage(input_tokens=4)),
    ),
    ToolOutcome(content="refused", is_error=True, denied="shell_command"),
    ToolOutcome(content="resting", rest=True),
]

_call_keys = st.sampled_from(
    [EffectId(f"{AIM}{n}") for n in (0, 0, 0, 1, 1, 2)]
    + [EffectId("tool-1.0"), EffectId("tool-1.1"), EffectId("tool-9.9")]
)
_outcomes = st.builds(c.RecordToolOutcome, key=_call_keys, outcome=tool_outcomes(), now=moments)
_verdicts = st.builds(
    c.RecordProbeVerdict,
    key=_call_keys,
    # relative to the attempt that is open: a verdict on an earlier one is late
    attempt=st.sampled_from([0, 0, 0, 0, -1]),
    verdict=st.sampled_from(["done", "not_done", "unknown"]),
    outcome=tool_outcomes(),
    now=moments,
)
_reviews = st.builds(
    c.RecordCallReview,
    key=_call_keys,
    verdict=st.sampled_from(["allow", "allow", "ask", "ask", "refuse"]),
    text=words,
    arguments=st.sampled_from(["", "", '{"changed":true}']),
    parallel=st.booleans(),
    expires_at=st.sampled_from([None, 0.0, 1e9]),
    digest=st.sampled_from(["", "d1"]),
    now=moments,
)
_decisions = st.builds(
    c.RecordRoundDecision,
    effect_id=st.sampled_from([AIM] * 6 + [EffectId("round-1")]),
    choice=st.sampled_from(["continue", "continue", "inject", "stop"]),
    text=words,
    changes=one_of([ProfileChanges()] * 2 + [ProfileChanges(model="scripted:other")]),
    fault=st.sampled_from(["", "", "", "it raised"]),
    now=moments,
)
_undone = st.builds(
    c.RecordCompensation,
    key=_call_keys,
    attempt=st.sampled_from([0, 0, 0, -1]),
    content=words,
    is_error=st.booleans(),
    now=moments,
)


_REMOTE = OpaqueBlock(
    item_type="compaction", raw="{}", provenance=Provenance("openai", "model", "responses")
)
_summaries = st.builds(
    c.RecordCompaction,
    effect_id=st.sampled_from([AIM, AIM, EffectId("compact-1")]),
    compaction=st.none()
    | st.builds(
        Compaction,
        through=st.integers(0, 9).map(EntryId),
        summary=words,
        kept=st.lists(st.integers(0, 9).map(EntryId), max_size=3).map(tuple),
        kept_results=st.sampled_from([(), (EffectId("tool-1.0"), EffectId("tool-2.1"))]),
        remote=st.sampled_from([(), (), (_REMOTE,)]),
        usage=_usage,
        cost_usd_micros=_costs,
    ),
    problem=words,
    is_error=st.booleans(),
    attempt=st.sampled_from([1, 1, 1, 0]),  # relative to the attempt that is open
    transient=st.booleans(),
    retry_after_s=st.sampled_from([None, 2.0, 900.0]),
    usage=_usage,
    cost_usd_micros=_costs,
    now=moments,
)


def effect_outcomes() -> SearchStrategy[Outcome]:
    """Outcomes of reviews, strategies, undoing, compaction, and of requests that are too long."""
    return any_of([_reviews, _decisions, _undone, _summaries, _full])


_ANY_KIND: list[SearchStrategy[object]] = [
    *[_replies] * 8,
    _failures,
    *[_outcomes] * 8,
    *[_verdicts] * 2,
    *[_reviews] * 4,
    *[_decisions] * 3,
    *[_undone] * 2,
    *[_summaries] * 2,
    _full,
    _abandoned,
]


def outcomes_of_any_kind() -> SearchStrategy[Outcome]:
    """Outcomes as often as they come in a history, most of them with `AIM` for an id."""
    return any_of(_ANY_KIND)
