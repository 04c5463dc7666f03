"""The commands with which runs of agents, and agents, are ended."""

from collections.abc import Iterable

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.effects import CLAIM
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.ids import EffectId, RunId
from mentra_actors.runtime.replay.rebuild.contract import KnownAppend, span

__all__ = [
    "compaction_skipped",
    "ended_run",
    "given_up_boards",
    "given_up_calls",
    "run_failed",
    "stop_of_agent",
    "stop_requested",
]

_Known = KnownAppend[AgentState]
_GIVEN_UP = "Given up ("
_WHILE = " while it was being undone"


def ended_run(_: object, known: _Known) -> Iterable[c.AgentCommand]:
    """What ends a run at once: somebody, the end of the agent, or a time that is over."""
    stopped, cancelled = known.first(e.AgentStopped), known.first(e.RunCancelled)
    if stopped is not None:
        yield c.StopAgent(now=stopped.stopped_at)
    if cancelled is not None:
        yield c.CancelRun(now=cancelled.cancelled_at, reason=cancelled.reason)
    failed, finished = known.first(e.RunFailed), known.first(e.RunFinished)
    if failed is not None:
        yield c.ExpireRun(run_id=failed.run_id, limit="deadline", now=failed.failed_at)
        yield from run_failed(failed, known)
    if finished is not None:
        yield c.ExpireRun(run_id=finished.run_id, limit="stop", now=finished.finished_at)


def run_failed(_: object, known: _Known) -> Iterable[c.AgentCommand]:
    """A deadline, or a round strategy that could not be asked."""
    failed, decision = known.first(e.RunFailed), known.state.decision
    if failed is None:
        return
    if decision is not None:
        yield c.RecordRoundDecision(
            effect_id=decision.effect_id, now=failed.failed_at, fault=failed.message
        )
    yield c.ExpireRun(run_id=failed.run_id, limit="deadline", now=failed.failed_at)


def stop_requested(event: e.RunStopRequested, _: _Known) -> Iterable[c.AgentCommand]:
    """The wish to end in order."""
    now = event.requested_at
    grace_s = None if event.stop_by is None else span(event.stop_by, now)
    yield c.StopRun(now=now, reason=event.reason, grace_s=grace_s)


def stop_of_agent(event: e.AgentStopped, known: _Known) -> Iterable[c.AgentCommand]:
    """Somebody stops it, or it has waited long enough."""
    effect_id = EffectId(f"{CLAIM}{known.state.rests}")
    if event.inbox:
        yield c.RecordIdleTimeout(effect_id=effect_id, now=event.stopped_at)
    yield c.StopAgent(now=event.stopped_at)


def compaction_skipped(event: e.CompactionSkipped, known: _Known) -> Iterable[c.AgentCommand]:
    """A summary that nobody waits for any more, or that could not be written."""
    if not event.is_cancelled:
        one = known.state.compaction
        yield c.RecordCompaction(
            effect_id=event.effect_id,
            now=known.now,
            problem=event.reason,
            is_error=event.is_error,
            attempt=one.attempt if one else 1,
            usage=event.usage,
            cost_usd_micros=event.cost_usd_micros,
            asked_model=event.asked_model,
        )
        return
    yield from ended_run(event, known)
    yield c.CancelCompaction(now=known.now, reason=event.reason)


def given_up_calls(event: e.ToolCallCompensated, known: _Known) -> Iterable[c.AgentCommand]:
    """How a call was undone; or that nothing more is."""
    open_ones = {one.key: one.attempt for one in known.state.compensations}
    attempt = open_ones.get(event.key, 0)
    if event.content.startswith(_GIVEN_UP):
        told = event.content.removesuffix(_WHILE) if attempt else event.content
        yield _given_up(told, event.finished_at)
    yield c.RecordCompensation(
        key=event.key,
        attempt=attempt,
        content=event.content,
        now=event.finished_at,
        is_error=event.is_error,
    )


def given_up_boards(event: e.BoardCompensated, _: _Known) -> Iterable[c.AgentCommand]:
    """What became of the changes of a run; or that nothing more is taken back."""
    if event.problem.startswith(_GIVEN_UP):
        yield _given_up(event.problem, event.compensated_at)
    yield c.RecordBoardCompensation(
        run_id=RunId(event.run_id),
        now=event.compensated_at,
        reverted=event.reverted,
        conflicts=event.conflicts,
        problem=event.problem,
    )


def _given_up(told: str, now: float) -> c.GiveUpUndoing:
    return c.GiveUpUndoing(now=now, reason=told.removeprefix(_GIVEN_UP)[:-1])
