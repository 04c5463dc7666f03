"""When a schedule is due: calendars and time zones, which the domain does not know.

A crontab line is read as Debian's cron reads it. One that names its hour runs once on the days
on which clocks change: right after the gap if its time was left out, the first time if its time
comes twice. One whose minute or hour begins with `*` keeps its distance in real time.
"""

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from itertools import count, islice
from typing import NamedTuple, assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

from mentra_actors.domain.schedules.events import Cron, Every, Once, Timing
from mentra_actors.domain.schedules.schedule import Schedule
from mentra_actors.domain.schedules.schedules import MIN_EVERY_S
from mentra_actors.domain.timer import LONGEST_WAIT_S

__all__ = [
    "MOST_COUNTED",
    "DueMoment",
    "ListedSchedule",
    "checked_timing",
    "due_moment",
    "listed_schedules",
    "moment_of",
    "moment_words",
    "new_timing",
    "next_due",
    "schedule_json",
    "timing_words",
]

MOST_COUNTED = 10_000
"""Missed moments of a crontab line are counted up to this number."""
_FIRST_LOOK_BACK_S = 60.0
_LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
_FIELDS = 5
_UTC = "UTC"


class DueMoment(NamedTuple):
    """The last moment that has come, how many before it came too, and the first to come."""

    due_at: float
    missed: int
    next_due: float | None


class ListedSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule, and when it is due next (Unix seconds; None if it is paused or over)."""

    schedule: Schedule
    next_due: float | None = None


def new_timing(
    *,
    now: float,
    at: datetime | float | str | None = None,
    in_s: float | None = None,
    every_s: float | None = None,
    cron: str | None = None,
    time_zone: str | None = None,
) -> Timing:
    """The timing that was asked for in one of four ways; checked.

    `at` is a datetime, Unix seconds, or ISO 8601; one without an offset is read in `time_zone`
    (UTC if there is none). `in_s` and `every_s` count from `now`.

    Raises:
        ValueError: none or several were given, or nothing could be due like this.
        TypeError: one is of another kind.
    """
    ways = {"at": at, "in_s": in_s, "every_s": every_s, "cron": cron}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        found = ", ".join(given) or "none"
        raise ValueError(f"say when by exactly one of at, in_s, every_s and cron; found {found}")
    if time_zone is not None and given[0] not in ("at", "cron"):
        raise ValueError(f"time_zone goes with at or cron, not with {given[0]}")
    zone = _UTC if time_zone is None else time_zone
    timing: Timing
    if at is not None:
        timing = Once(at=moment_of(at, zone))
    elif in_s is not None:
        timing = Once(at=now + _seconds(in_s, "in_s", least=0.0))
    elif every_s is not None:
        timing = Every(seconds=_seconds(every_s, "every_s", least=MIN_EVERY_S), anchor=now)
    else:
        timing = Cron(expression=_text(cron, "cron"), time_zone=zone)
    return checked_timing(timing, now)


def checked_timing(timing: Timing, now: float) -> Timing:
    """The timing, in which a crontab line has one space between its fields.

    Raises:
        ValueError: nothing could be due like this; the words say what would do.
    """
    match timing:
        case Once(at=at):
            _require_moment(at)
        case Every(seconds=seconds, anchor=anchor):
            _seconds(seconds, "every_s", least=MIN_EVERY_S)
            _require_moment(anchor)
        case Cron(expression=expression):
            timing = msgspec.structs.replace(timing, expression=" ".join(expression.split()))
            if next_due(timing, now) is None:
                raise ValueError(f"no day of the next 50 years fits the cron line {expression!r}")
        case _:
            assert_never(timing)
    return timing


def moment_of(at: datetime | float | str, time_zone: str = _UTC) -> float:
    """Unix seconds of a moment; see `new_timing`.

    Raises:
        ValueError: it is no moment, or there is no such time zone.
        TypeError: it is of another kind.
    """
    if isinstance(at, bool) or not isinstance(at, datetime | float | int | str):
        raise TypeError(f"a moment is a datetime, Unix seconds or ISO 8601, not {at!r}")
    if isinstance(at, float | int):
        return _require_moment(at)
    zone = _zone(time_zone)
    if isinstance(at, str):
        at = _iso(at)
    return _require_moment((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp())


def moment_words(at: float, time_zone: str = _UTC) -> str:
    """A moment in ISO 8601, to the second, with the offset of the zone."""
    words = datetime.fromtimestamp(at, _zone(time_zone)).isoformat(timespec="seconds")
    return words.replace("+00:00", "Z")


def timing_words(timing: Timing) -> str:
    """When it is due, in a few words."""
    match timing:
        case Once(at=at):
            return f"once at {moment_words(at)}"
        case Every(seconds=seconds):
            return f"every {seconds:g} s"
        case Cron(expression=expression, time_zone=zone):
            return f"cron {expression} ({zone})"
        case _:
            assert_never(timing)


def next_due(timing: Timing, after: float, until: float | None = None) -> float | None:
    """The first moment after `after` and not after `until`; None if there is none.

    Raises:
        ValueError: the line or the time zone means nothing on this machine.
    """
    due = next(_moments(timing, after), None)
    return None if due is None or (until is not None and due > until) else due


def due_moment(
    timing: Timing, after: float, now: float, until: float | None = None
) -> DueMoment | None:
    """What has come after `after` and until `now`; None if nothing has.

    Raises:
        ValueError: the line or the time zone means nothing on this machine.
    """
    end = now if until is None else min(now, until)
    first = next_due(timing, after, end)
    if first is None:
        return None
    last, missed = _last_and_missed(timing, first, end)
    return DueMoment(due_at=last, missed=missed, next_due=next_due(timing, max(now, last), until))


def listed_schedules(schedules: Iterable[Schedule]) -> tuple[ListedSchedule, ...]:
    """Schedules with their next moments, in their order."""
    return tuple(ListedSchedule(schedule=one, next_due=_next(one)) for one in schedules)


def schedule_json(listed: ListedSchedule) -> dict[str, object]:
    """A schedule as models see it."""
    one = listed.schedule
    zone = one.timing.time_zone if isinstance(one.timing, Cron) else _UTC
    due = None if listed.next_due is None else moment_words(listed.next_due, zone)
    return {
        "id": one.schedule_id,
        "for": one.agent_id,
        "when": timing_words(one.timing),
        "next": due,
        "status": one.status,
        "fired": one.fired,
        "message": one.body,
    }


def _next(schedule: Schedule) -> float | None:
    if schedule.status != "active":
        return None
    try:
        return next_due(schedule.timing, schedule.after, schedule.until)
    except ValueError:  # made on a machine that knows more time zones
        return None


def _last_and_missed(timing: Timing, first: float, end: float) -> tuple[float, int]:
    """The last moment until `end`, and how many there are from `first` until before it."""
    match timing:
        case Once():
            return first, 0
        case Every():
            last = max(first, _due_number(timing, _number_at(timing, end)))
            return last, _number_at(timing, last) - _number_at(timing, first)
        case Cron():
            missed = sum(1 for _ in islice(_until(timing, first, end), MOST_COUNTED))
            return _last_of_line(timing, first, end), missed
        case _:
            assert_never(timing)


def _due_number(timing: Every, number: int) -> float:
    """Always in the same words of arithmetic: a moment has one name."""
    return timing.anchor + number * timing.seconds


def _number_at(timing: Every, at: float) -> int:
    """The last moment that is not after `at`; negative before the anchor."""
    number = math.floor((at - timing.anchor) / timing.seconds)
    while _due_number(timing, number + 1) <= at:
        number += 1
    while _due_number(timing, number) > at:
        number -= 1
    return number


def _last_of_line(timing: Cron, first: float, end: float) -> float:
    """Looked for from ever earlier moments, so that few are passed however long it was."""
    back_s = _FIRST_LOOK_BACK_S
    while (start := end - back_s) > first:
        found = list(_until(timing, start, end))
        if found:
            return found[-1]
        back_s *= 2
    return max(_until(timing, first, end), default=first)


def _until(timing: Timing, after: float, end: float) -> Iterator[float]:
    for due in _moments(timing, after):
        if due > end:
            return
        yield due


def _moments(timing: Timing, after: float) -> Iterator[float]:
    """All moments after `after`, each later than the one before."""
    match timing:
        case Once(at=at):
            yield from (at,) if at > after else ()
        case Every():
            for number in count(max(1, _number_at(timing, after) + 1)):
                yield _due_number(timing, number)
        case Cron(expression=expression, time_zone=zone):
            start = datetime.fromtimestamp(after, _zone(zone))
            for moment in _line(expression, start):
                due = moment.timestamp()
                if due > after:  # the hour that comes twice is passed twice
                    after = due
                    yield due
        case _:
            assert_never(timing)


def _line(expression: str, start: datetime) -> CronSim:
    fields = expression.split()
    if len(fields) != _FIELDS:
        raise ValueError(
            f"a cron line has five fields (minute hour day-of-month month day-of-week), found "
            f"{len(fields)} in {expression!r}"
        )
    try:
        return CronSim(expression, start)
    except CronSimError as error:
        raise ValueError(f"no cron line: {expression!r}: {error}") from error


def _zone(name: object) -> tzinfo:
    text = _text(name, "time_zone")
    if text == _UTC:
        return UTC
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"there is no time zone {text!r}: use an IANA name like Europe/Berlin or UTC"
        ) from error


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no moment: use ISO 8601 like 2027-03-01T09:00:00+01:00"
        ) from error


def _require_moment(at: float) -> float:
    if not 0 < at < _LAST_MOMENT:
        raise ValueError(f"a moment lies between the years 1970 and 9999, found {at!r} s")
    return float(at)


def _seconds(value: object, name: str, *, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, float | int):
        raise TypeError(f"{name} is a number of seconds, not {value!r}")
    if not least <= value <= LONGEST_WAIT_S:
        raise ValueError(f"{name} is a number of seconds from {least:g}, found {value!r}")
    return float(value)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is a text, not {value!r}")
    return value
