"""Which answer each agent is giving: that of the model call that is asked for and not over."""

from mentra_actors.domain.agent import events as e
from mentra_actors.envelope import RecordedEvent
from projections.keyed import KeyedProjection

__all__ = ["ANSWERING"]

_ENDS = (e.ModelReplied, e.ModelCallFailed, e.AnswerAbandoned)
_RUN_ENDS = (e.RunFinished, e.RunFailed, e.RunCancelled)


class Answering(
    KeyedProjection[str], handles=[e.ModelCallRequested, *_ENDS, *_RUN_ENDS], by="stream"
):
    """View: the effect of the open model call under the stream of its agent, or no text."""

    def apply(self, view: str, key: str, recorded: RecordedEvent[object]) -> str:  # noqa: ARG002
        """See `Projection.apply`."""
        event = recorded.event
        if isinstance(event, e.ModelCallRequested):
            return event.effect_id
        if isinstance(event, _ENDS):
            return "" if event.effect_id == view else view
        return ""


ANSWERING = Answering()
