"""What type checkers see of projections, views and the past. Checked, never run."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, assert_type

from mentra_actors import (
    AgentMoment,
    History,
    Moment,
    Runtime,
    TeamDifference,
    events,
    open_history,
)
from mentra_actors.envelope import RecordedEvent
from projections import (
    TRANSCRIPT,
    USAGE,
    FunctionProjection,
    KeyedProjection,
    Projection,
    SqlProjection,
    fold_view,
    projection,
)


@projection(name="events", initial=dict, view_type=dict[str, int])
def events_by_kind(view: dict[str, int], recorded: RecordedEvent[Any]) -> dict[str, int]:
    """How many events of each kind there are."""
    kind = type(recorded.event).__name__
    return {**view, kind: view.get(kind, 0) + 1}


class Replies(KeyedProjection[int], handles=[events.ModelReplied], by="agent"):
    """It may say which events it is given."""

    def apply(self, view: int, key: str, recorded: RecordedEvent[events.ModelReplied]) -> int:
        return view + recorded.event.usage.output_tokens


async def views(runtime: Runtime) -> None:
    assert_type(events_by_kind, FunctionProjection[dict[str, int]])
    is_one: Projection[dict[str, int]] = events_by_kind
    assert_type(await runtime.view(is_one), dict[str, dict[str, int]])
    assert_type(await runtime.view(events_by_kind), dict[str, dict[str, int]])
    assert_type(fold_view(events_by_kind, []), dict[str, dict[str, int]])
    print(await runtime.view(TRANSCRIPT), await runtime.view(USAGE))


def past() -> None:
    with open_history("team.mentra") as history:
        assert_type(history, History)
        moment = history.at(40)
        assert_type(moment, Moment)
        assert_type(moment.time, datetime | None)
        assert_type(moment.agent("lead"), AgentMoment)
        assert_type(moment.parts(events_by_kind), Mapping[str, dict[str, int]])
        assert_type(history.diff(40, 90), TeamDifference)
        assert_type(history.at(time=datetime.now(tz=UTC)), Moment)
        assert_type([one.global_position for one in _recorded(moment)], list[int])


def _recorded(moment: Moment) -> Sequence[RecordedEvent[object]]:
    return [moment.event] if moment.event else []


def text_at(moment: Moment) -> str:
    """What an event says is known when its class is."""
    recorded = moment.event
    assert_type(recorded, RecordedEvent[object] | None)
    if recorded is not None and isinstance(recorded.event, events.PromptAccepted):
        return recorded.event.text
    return ""


class OutputTokens(KeyedProjection[int], handles=[events.ModelReplied], by="agent"):
    """Output tokens by agent."""

    def apply(self, view: int, key: str, recorded: RecordedEvent[Any]) -> int:
        return view + len(key)


class Answers(SqlProjection, handles=[events.ModelReplied]):
    """A row for each answer."""

    def create(self, cursor: Any) -> None:
        cursor.execute("CREATE TABLE answers (agent TEXT)")

    def drop(self, cursor: Any) -> None:
        cursor.execute("DROP TABLE answers")

    def write(self, cursor: Any, recorded: RecordedEvent[Any]) -> None:
        cursor.execute("INSERT INTO answers VALUES (?)", [recorded.stream_id])


async def views_of_classes(runtime: Runtime) -> None:
    tokens = OutputTokens()
    assert_type(await runtime.view(tokens), dict[str, int])
    kept = await runtime.project(tokens, Answers(), into="sqlite:views.db")
    assert_type(kept.view(tokens, "lead"), int | None)
