"""The schedules of all teams as people see them: the domain's own state of each."""

from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from mentra_actors.domain.schedules.events import ScheduleEvent, ScheduleFired
from mentra_actors.domain.schedules.schedule import Schedule, schedule_after
from mentra_actors.domain.schedules.schedules import SCHEDULES as DECIDER
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId, TeamId, name_of
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from projections.contract import fold_view

__all__ = ["SCHEDULES", "ScheduleView", "SchedulesProjection", "stored_schedules"]

_EVENTS: frozenset[type[object]] = frozenset(get_args(ScheduleEvent))


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """One schedule of a team.

    `position` and `fired_position` are the places in the log of the wish and of the last firing;
    0 for not yet. `schedule` is None where the log does not hold the wish.
    """

    team_id: TeamId = TeamId("")
    schedule: Schedule | None = None
    position: int = 0
    fired_position: int = 0


class SchedulesProjection:
    """When agents are woken.

    View: one part per schedule, under the id of its stream and its own.
    """

    name = "schedules"
    version = 1
    handles: frozenset[type[object]] | None = _EVENTS
    view_type = ScheduleView

    def keys(self, recorded: RecordedEvent[Any]) -> Sequence[str]:
        """See `Projection.keys`."""
        if type(recorded.event) not in _EVENTS:
            return ()
        return (f"{recorded.stream_id}/{recorded.event.schedule_id}",)

    def initial(self, key: str) -> ScheduleView:
        """See `Projection.initial`."""
        return ScheduleView(team_id=TeamId(name_of(StreamId(key.rpartition("/")[0]))))

    def apply(self, view: ScheduleView, key: str, recorded: RecordedEvent[Any]) -> ScheduleView:  # noqa: ARG002 - one key per schedule
        """See `Projection.apply`."""
        if type(recorded.event) not in _EVENTS:
            return view
        before, after = view.schedule, schedule_after(view.schedule, recorded.event)
        position = recorded.global_position
        is_firing = isinstance(recorded.event, ScheduleFired) and after is not before
        return msgspec.structs.replace(
            view,
            schedule=after,
            position=position if before is None and after is not None else view.position,
            fired_position=position if is_firing else view.fired_position,
        )


SCHEDULES = SchedulesProjection()


def stored_schedules(reader: JournalReader, journal: Journal) -> tuple[ScheduleView, ...]:
    """The schedules of all teams, the oldest first. Reads the store.

    Raises:
        StoreError: the store cannot be read.
    """
    streams = reader.stream_ids(DECIDER.category)
    events = (one for stream in streams for one in journal.read_stream(stream))
    found = fold_view(SCHEDULES, events).values()
    return tuple(sorted(found, key=lambda view: view.position))
