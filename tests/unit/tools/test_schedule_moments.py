"""When a schedule is due: calendars, time zones, days on which clocks change."""

from datetime import datetime, timedelta, timezone

import pytest

from mentra_actors.domain.schedules.events import Cron, Every, Once
from mentra_actors.tools.schedule_moments import (
    MOST_COUNTED,
    due_moment,
    moment_of,
    moment_words,
    new_timing,
    next_due,
    timing_words,
)

BERLIN = "Europe/Berlin"
NOW = moment_of("2026-11-29T10:00:00Z")


def cron(expression, zone=BERLIN):
    return Cron(expression=expression, time_zone=zone)


def moments(timing, after, count, zone=BERLIN):
    found, at = [], moment_of(after, zone)
    for _ in range(count):
        at = next_due(timing, at)
        found.append(moment_words(at, zone)[5:])
    return found


def test_a_time_that_the_spring_leaves_out_fires_right_after_the_gap():
    """Berlin has no 02:30 on 29 March 2026."""
    assert moments(cron("30 2 * * *"), "2026-03-28T12:00", 2) == [
        "03-29T03:00:00+02:00",
        "03-30T02:30:00+02:00",
    ]


def test_a_time_that_the_autumn_has_twice_fires_the_first_time():
    """Berlin has 02:30 twice on 25 October 2026; between the two the next one is a day later."""
    assert moments(cron("30 2 * * *"), "2026-10-24T12:00", 2) == [
        "10-25T02:30:00+02:00",
        "10-26T02:30:00+01:00",
    ]
    assert moments(cron("30 2 * * *"), "2026-10-25T02:10:00+01:00", 1) == ["10-26T02:30:00+01:00"]


def test_a_line_with_a_star_keeps_its_distance_when_clocks_change():
    """The hour that comes twice is worked twice, and the one left out is not made up for."""
    assert moments(cron("*/30 * * * *"), "2026-10-25T01:40", 5) == [
        "10-25T02:00:00+02:00",
        "10-25T02:30:00+02:00",
        "10-25T02:00:00+01:00",
        "10-25T02:30:00+01:00",
        "10-25T03:00:00+01:00",
    ]
    assert moments(cron("0 * * * *"), "2026-03-29T00:30", 3) == [
        "03-29T01:00:00+01:00",
        "03-29T03:00:00+02:00",
        "03-29T04:00:00+02:00",
    ]


def test_what_was_missed_over_a_change_of_clocks_is_counted_once():
    week = due_moment(
        cron("30 2 * * *"), moment_of("2026-10-22", BERLIN), moment_of("2026-10-28", BERLIN)
    )
    assert moment_words(week.due_at, BERLIN) == "2026-10-27T02:30:00+01:00"
    assert week.missed == 5
    assert moment_words(week.next_due, BERLIN) == "2026-10-28T02:30:00+01:00"


def test_a_year_of_minutes_is_not_counted_to_its_end():
    came = due_moment(cron("* * * * *", "UTC"), NOW - 365 * 86_400, NOW + 30)

    assert came == (NOW, MOST_COUNTED, NOW + 60)


def test_every_so_often_never_drifts():
    """Ten times a tenth of a second is a second: moments are counted from the anchor."""
    timing = Every(seconds=1.1, anchor=NOW)
    came = due_moment(timing, NOW, NOW + 111)

    assert came == (NOW + 100 * 1.1, 99, NOW + 101 * 1.1)
    assert next_due(timing, came.due_at) == came.next_due
    assert next_due(timing, NOW - 500) == NOW + 1.1


def test_nothing_is_due_after_the_end():
    timing = Every(seconds=60.0, anchor=NOW)

    assert next_due(timing, NOW, until=NOW + 59) is None
    assert due_moment(timing, NOW, NOW + 600, until=NOW + 180) == (NOW + 180, 2, None)
    assert due_moment(Once(at=NOW), 0.0, NOW - 1) is None
    assert due_moment(Once(at=NOW), 0.0, NOW + 500) == (NOW, 0, None)


@pytest.mark.parametrize(
    ("given", "timing"),
    [
        ({"in_s": 90}, Once(at=NOW + 90)),
        ({"at": NOW - 5}, Once(at=NOW - 5)),
        ({"at": "2026-12-24T18:00", "time_zone": BERLIN}, Once(at=moment_of("2026-12-24T17:00Z"))),
        ({"at": datetime(2026, 12, 24)}, Once(at=moment_of("2026-12-24"))),  # noqa: DTZ001
        (
            {"at": datetime(2026, 12, 24, 1, tzinfo=timezone(timedelta(hours=1)))},
            Once(at=moment_of("2026-12-24T00:00Z")),
        ),
        ({"every_s": 60}, Every(seconds=60.0, anchor=NOW)),
        ({"cron": " 0  9 * *  mon-fri "}, Cron(expression="0 9 * * mon-fri")),
    ],
)
def test_when_is_said_in_four_ways(given, timing):
    assert new_timing(now=NOW, **given) == timing


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "exactly one of at, in_s, every_s and cron; found none"),
        ({"in_s": 1, "cron": "* * * * *"}, "found in_s, cron"),
        ({"in_s": -1}, "in_s is a number of seconds from 0, found -1"),
        ({"in_s": float("nan")}, "in_s is a number of seconds from 0, found nan"),
        ({"every_s": 0.5}, "every_s is a number of seconds from 1, found 0.5"),
        ({"every_s": 60, "time_zone": BERLIN}, "time_zone goes with at or cron, not with every_s"),
        ({"at": "tomorrow"}, "use ISO 8601 like 2027-03-01T09:00:00"),
        ({"at": 0}, "between the years 1970 and 9999, found 0 s"),
        ({"at": float("inf")}, "between the years 1970 and 9999"),
        ({"cron": "* * * *"}, "five fields .minute hour day-of-month month day-of-week., found 4"),
        ({"cron": "0 0 9 * * *"}, "found 6"),
        ({"cron": "61 * * * *"}, "no cron line: '61 . . . .': Bad minute"),
        ({"cron": "0 0 30 2 *"}, "Bad day-of-month"),
        ({"cron": "0 9 * * *", "time_zone": "Berlin"}, "there is no time zone 'Berlin'"),
        ({"cron": "0 9 * * *", "time_zone": "../etc/passwd"}, "there is no time zone"),
        ({"cron": "0 9 * * *", "time_zone": ""}, "use an IANA name like Europe/Berlin"),
    ],
)
def test_what_could_never_be_due_is_refused_with_words_that_help(given, words):
    with pytest.raises(ValueError, match=words):
        new_timing(now=NOW, **given)


@pytest.mark.parametrize("given", [{"in_s": "60"}, {"every_s": True}, {"at": [1]}, {"cron": 5}])
def test_what_is_of_another_kind_is_refused(given):
    with pytest.raises(TypeError):
        new_timing(now=NOW, **given)


def test_a_timing_is_told_in_a_few_words():
    assert timing_words(Once(at=NOW)) == "once at 2026-11-29T10:00:00Z"
    assert timing_words(Every(seconds=90.0, anchor=NOW)) == "every 90 s"
    assert timing_words(cron("0 9 * * *")) == "cron 0 9 * * * (Europe/Berlin)"
