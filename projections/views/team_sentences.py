"""What happened in a team, in the words of people: members, requests, schedules, dead letters."""

from mentra_actors.decider import ByEvent
from mentra_actors.domain import team
from mentra_actors.domain.schedules import events as schedules
from mentra_actors.domain.supervision import events as supervision
from projections.views.sentence_words import and_why, by_whom, counted, quoted

__all__ = ["TEAM_SENTENCES"]


def _member_joined(event: team.MemberJoined) -> str:
    instead = f", in place of {event.replaces}" if event.replaces else ""
    return f"{event.profile.name} joined as {event.profile.role}{instead}"


def _stop_ordered(event: team.MemberStopOrdered) -> str:
    how = "at once" if event.how == "now" else "when nothing waits for it"
    return f"{event.name} is to stop {how}{by_whom(event.ordered_by)}{and_why(event.reason)}"


def _request_opened(event: team.RequestOpened) -> str:
    asks = f"{event.sender_name} asks {event.to_name} ({event.protocol}, {event.request_id})"
    return f"{asks}: {quoted(event.content)}"


def _request_resolved(event: team.RequestResolved) -> str:
    how = "approved" if event.approve else "rejected"
    return f"{event.request_id} {how} by {event.to_name}{and_why(event.reason)}"


def _request_cancelled(event: team.RequestCancelled) -> str:
    return f"{event.request_id} was cancelled{by_whom(event.by_name)}{and_why(event.reason)}"


def _letters_sent(event: team.LettersSent) -> str:
    to = counted(len(event.to), "member") if len(event.to) > 1 else ", ".join(event.to)
    return f"{event.sender_name} to {to}: {quoted(event.body)}"


def _fired(event: schedules.ScheduleFired) -> str:
    missed = f", {event.missed} earlier missed" if event.missed else ""
    return f"schedule {event.schedule_id} wakes {event.notice.to}, time {event.number}{missed}"


def _redrive_ended(event: supervision.RedriveEnded) -> str:
    why = f": {event.words}" if event.words else ""
    return f"dead letter {event.letter_id} was delivered again: {event.how}{why}"


def _discarded(event: supervision.LetterDiscarded) -> str:
    why = f": {event.reason}" if event.reason else ""
    return f"dead letter {event.letter_id} discarded{by_whom(event.discarded_by)}{why}"


TEAM_SENTENCES: ByEvent[str] = {
    team.MemberJoined: _member_joined,
    team.MemberRemoved: lambda e: (
        f"{e.name} belongs to the team no more{by_whom(e.removed_by)}{and_why(e.reason)}"
    ),
    team.MemberRenamed: lambda e: f"{e.old} is called {e.new} from here on{by_whom(e.renamed_by)}",
    team.MemberStopOrdered: _stop_ordered,
    team.MemberStopped: lambda e: f"{e.name} has stopped{and_why(e.reason)}",
    team.RequestOpened: _request_opened,
    team.RequestResolved: _request_resolved,
    team.RequestCancelled: _request_cancelled,
    team.RequestExpired: lambda e: f"{e.request_id} expired: {e.to_name} has not answered",
    team.LettersSent: _letters_sent,
    team.BoardTold: lambda e: f"the task board knows of {e.command_id}",
    supervision.StreamQuarantined: lambda e: f"{e.stream_id} is set aside: {e.cause}",
    supervision.QuarantineLifted: lambda e: f"{e.stream_id} goes on{by_whom(e.lifted_by)}",
    supervision.LetterKept: lambda e: (
        f"dead letter {e.letter_id} to {e.stream_id} ({e.command}): {e.cause}"
    ),
    supervision.LetterRedriven: lambda e: (
        f"dead letter {e.letter_id} is to be delivered again{by_whom(e.redriven_by)}"
    ),
    supervision.RedriveEnded: _redrive_ended,
    supervision.LetterDiscarded: _discarded,
    schedules.ScheduleAdded: lambda e: (
        f"schedule {e.schedule_id} of {e.created_by} is to wake {e.agent_id}: {quoted(e.body)}"
    ),
    schedules.ScheduleFired: _fired,
    schedules.ScheduleEnded: lambda e: (
        f"schedule {e.schedule_id} has ended ({e.cause.replace('_', ' ')})"
    ),
    schedules.ScheduleRemoved: lambda e: f"schedule {e.schedule_id} removed by {e.removed_by}",
    schedules.SchedulePaused: lambda e: f"schedule {e.schedule_id} paused by {e.paused_by}",
    schedules.ScheduleRewound: lambda e: f"the clock is back: schedule {e.schedule_id} goes on",
    schedules.ScheduleResumed: lambda e: f"schedule {e.schedule_id} resumed by {e.resumed_by}",
}
