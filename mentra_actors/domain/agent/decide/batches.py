"""Which calls of an answer start now: parallel neighbours together, any other one alone."""

from collections.abc import Sequence
from itertools import takewhile

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.endings import failed
from mentra_actors.domain.agent.state import AgentState, Run, ToolCall, idempotency_key
from mentra_actors.ids import AgentId

__all__ = ["calls_due", "closed_with", "skipped_after"]

_RUNNING = ("started", "probing")


def calls_due(state: AgentState, run: Run, now: float) -> Sequence[e.AgentEvent]:
    """The next step of the calls of the last answer; none while all that is open waits."""
    open_calls = state.open_calls
    first = open_calls[0]
    refused = [*takewhile(_is_refused, open_calls)]
    if refused:  # all at once: a model may write thousands of them
        return [closed_with(one, one.refusal, now, denied=one.denied) for one in refused]
    if first.status == "planned" and first.is_output:
        return _handed_over(first, state, now)
    batch = _batch(open_calls)
    budget = run.options.tool_budget
    if batch and budget is not None and run.tool_calls + len(batch) > budget:
        said = f"the tool budget of the run is {budget}, and the next calls would go beyond"
        return failed(state, run, "tool_budget", said, now)
    return [_started(call, state, now) for call in batch]


def _is_refused(call: ToolCall) -> bool:
    return call.status == "planned" and bool(call.refusal)


def _batch(open_calls: Sequence[ToolCall]) -> Sequence[ToolCall]:
    first = open_calls[0]
    if not first.parallel:
        is_alone = not any(call.status in _RUNNING for call in open_calls)
        return [first] if first.status == "planned" and is_alone else []
    batch: list[ToolCall] = []
    for call in open_calls:
        if not call.parallel or call.refusal or call.is_output:
            break
        if call.status == "planned":
            batch.append(call)
    return batch


def _started(call: ToolCall, state: AgentState, now: float) -> e.AgentEvent:
    owner = state.profile.agent_id if state.profile else AgentId("")
    return e.ToolCallStarted(
        key=call.key,
        tool=call.tool,
        idempotency_key=idempotency_key(owner, call.key, call.salt),
        retry=call.retry,
        started_at=now,
        call_id=call.call_id,
    )


def _handed_over(call: ToolCall, state: AgentState, now: float) -> Sequence[e.AgentEvent]:
    """The typed output of the run: the arguments of the call are its value."""
    handed = e.ToolCallFinished(
        key=call.key,
        content="The output was taken.",
        finished_at=now,
        tool=call.tool,
        call_id=call.call_id,
        terminate=True,
    )
    return [handed, *skipped_after(call, state)]


def skipped_after(call: ToolCall, state: AgentState) -> Sequence[e.AgentEvent]:
    """The calls that do not start any more because this one has ended the run."""
    reason = f"not executed: run terminated by '{call.tool}'"
    return [
        e.ToolCallSkipped(key=other.key, reason=reason, tool=other.tool, call_id=other.call_id)
        for other in state.open_calls
        if other.key != call.key and other.status not in _RUNNING
    ]


def closed_with(call: ToolCall, text: str, now: float, *, denied: str = "") -> e.ToolCallFinished:
    """An error that the agent itself gives to a call as its result, in words for the model."""
    return e.ToolCallFinished(
        key=call.key,
        content=text,
        is_error=True,
        finished_at=now,
        tool=call.tool,
        call_id=call.call_id,
        denied=denied,
    )
