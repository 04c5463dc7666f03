"""How the effects of each agent go: model calls and tools, by what they are.

Times are those of the log, from the event that asks to the event that answers.
"""

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import EffectId
from projections.keyed import KeyedProjection

__all__ = ["EFFECTS", "EffectCounts", "EffectsProjection", "EffectsView", "OpenEffect"]

MODEL = "model"
"""What model calls are counted under; tools are under their names."""
_MOST_OPEN = 256
_ENDS_OF_CALLS = (e.ToolCallFinished, e.ToolCallOutcomeUnknown, e.ToolCallSkipped)
_ENDS_OF_MODEL = (e.ModelReplied, e.ModelCallFailed, e.AnswerAbandoned)
_RUN_ENDS = (e.RunFinished, e.RunFailed, e.RunCancelled)
_replace = msgspec.structs.replace


class OpenEffect(msgspec.Struct, frozen=True):
    """An effect that is asked for and not answered, since Unix seconds."""

    of: str
    since: float


class EffectCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Effects of one kind. `failed` are among those that have `ended`, `again` were begun anew.

    `seconds` is the sum of the times of those that ended, `slowest_s` the longest.
    """

    begun: int = 0
    ended: int = 0
    failed: int = 0
    again: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    last_failure: str = ""


class EffectsView(msgspec.Struct, frozen=True, kw_only=True):
    """The effects of one agent: those that are open, and counts by `model` or the tool's name."""

    open: dict[EffectId, OpenEffect] = {}
    counts: dict[str, EffectCounts] = {}


class EffectsProjection(
    KeyedProjection[EffectsView],
    name="effects",
    by="agent",
    handles=[
        e.ModelCallRequested,
        e.ToolCallStarted,
        e.ToolCallRestarted,
        *_ENDS_OF_MODEL,
        *_ENDS_OF_CALLS,
        *_RUN_ENDS,
    ],
):
    """How model calls and tools go: open, ended, failed, how long they take.

    View: one part per agent, under its id.
    """

    def apply(self, view: EffectsView, key: str, recorded: RecordedEvent[object]) -> EffectsView:  # noqa: ARG002 - one key per agent
        """See `Projection.apply`."""
        event, now = recorded.event, recorded.recorded_at_ns / 1e9
        match event:
            case e.ModelCallRequested():
                return _begun(view, event.effect_id, MODEL, now, is_again=event.attempt > 1)
            case e.ToolCallStarted():
                return _begun(view, event.key, event.tool, now)
            case e.ToolCallRestarted():
                of = view.open.get(event.key)
                return _counted(view, of.of, again=1) if of else view
            case e.ModelReplied() | e.ModelCallFailed() | e.AnswerAbandoned():
                return _ended(view, event.effect_id, now, _failure(event))
            case e.ToolCallFinished() | e.ToolCallOutcomeUnknown() | e.ToolCallSkipped():
                return _ended(view, event.key, now, _failure(event))
            case _:
                return _replace(view, open={})


EFFECTS = EffectsProjection()


def _failure(event: object) -> str:
    match event:
        case e.ModelCallFailed():
            return event.message or event.kind or "failed"
        case e.AnswerAbandoned():
            return "broken off"
        case e.ToolCallFinished(is_error=True):
            return event.content[:200] or "failed"
        case e.ToolCallOutcomeUnknown():
            return f"outcome unknown: {event.reason}"
        case _:
            return ""


def _begun(
    view: EffectsView, effect_id: EffectId, of: str, now: float, *, is_again: bool = False
) -> EffectsView:
    opened = {**view.open, effect_id: OpenEffect(of, now)}
    if len(opened) > _MOST_OPEN:  # only a log that no release writes has so many
        opened.pop(next(iter(opened)))
    return _counted(_replace(view, open=opened), of, begun=1, again=int(is_again))


def _ended(view: EffectsView, effect_id: EffectId, now: float, failure: str) -> EffectsView:
    effect = view.open.get(effect_id)
    if effect is None:
        return view
    left = {one: kept for one, kept in view.open.items() if one != effect_id}
    took_s = max(now - effect.since, 0.0)
    after = _counted(_replace(view, open=left), effect.of, ended=1, failed=int(bool(failure)))
    counts = after.counts[effect.of]
    timed = _replace(
        counts,
        seconds=counts.seconds + took_s,
        slowest_s=max(counts.slowest_s, took_s),
        last_failure=failure or counts.last_failure,
    )
    return _replace(after, counts={**after.counts, effect.of: timed})


def _counted(view: EffectsView, of: str, **more: int) -> EffectsView:
    before = view.counts.get(of, EffectCounts())
    after = _replace(
        before, **{name: getattr(before, name) + number for name, number in more.items()}
    )
    return _replace(view, counts={**view.counts, of: after})
