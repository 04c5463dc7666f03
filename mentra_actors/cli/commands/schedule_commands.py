"""`mentra schedules` and `mentra schedule …`: when agents are woken."""

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.text import Text

from mentra_actors.cli.command_groups import Wrapping, command_group
from mentra_actors.cli.decision_options import By, Wait, person
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.petitioned import remark_handed_over, state_word, wished
from mentra_actors.cli.reading import OpenStore, opened
from mentra_actors.domain.schedules.schedule import Schedule
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import TeamId, schedule_stream
from mentra_actors.json_types import JsonObject
from mentra_actors.runtime.agents.run_operations import new_id
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.wishes.schedules import (
    AddScheduleWish,
    ChangeScheduleWish,
    ScheduleWish,
)
from mentra_actors.tools.schedule_moments import (
    ListedSchedule,
    listed_schedules,
    moment_of,
    moment_words,
    new_timing,
    timing_words,
)
from projections.views.schedules import stored_schedules

__all__ = ["schedule_app", "schedules"]

_DONE = {"pause": "paused", "resume": "resumed", "remove": "removed"}
_STYLES = {"active": "green", "paused": "yellow"}
_INDENT = 5
_Id = Annotated[
    str, typer.Argument(metavar="SCHEDULE", help="Its id in `mentra schedules`, like s1.")
]


def schedules(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """When agents are woken: what is due, and what has fired."""
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        found = [one for one in _listed(team) if everything or one.schedule.is_open]
    if as_json:
        output.document([_document(one) for one in found])
        return
    if not found:
        output.show("No schedule is open." if not everything else "There was no schedule yet.")
    for one in found:
        for line in _lines(one):
            output.show_hanging(line, _INDENT)


def add(
    agent: Annotated[str, typer.Argument(help="The agent's name.")],
    message: Annotated[str, typer.Argument(help="What the mail that wakes it is to say.")],
    at: Annotated[str | None, typer.Option(help="Once, at a moment in ISO 8601.")] = None,
    in_s: Annotated[float | None, typer.Option("--in-s", help="Once, in so many seconds.")] = None,
    every_s: Annotated[
        float | None, typer.Option("--every-s", help="Each time after so many seconds.")
    ] = None,
    cron: Annotated[
        str | None, typer.Option(help="A crontab line: minute hour day month day-of-week.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="IANA name, for --cron and --at; UTC if left out.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Not after this moment in ISO 8601.")] = None,
    max_fires: Annotated[int | None, typer.Option(min=1, help="So many times at most.")] = None,
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Wake an agent once (--at, --in-s) or again and again (--every-s, --cron)."""
    output = Output(as_json=as_json)
    now = SystemClock().now()
    try:
        timing = new_timing(
            now=now, at=at, in_s=in_s, every_s=every_s, cron=cron, time_zone=time_zone
        )
        end = None if until is None else moment_of(until, time_zone or "UTC")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with opened(store, team_name) as team:
        agent_id = team.member(agent).agent_id
    wish = AddScheduleWish(
        schedules=schedule_stream(TeamId(team_name)),
        key=new_id(),
        agent_id=agent_id,
        body=message,
        timing=timing,
        until=end,
        max_fires=max_fires,
    )
    is_recorded = _asked(output, wish, store, wait, by)
    _tell_added(output, wish, store, team_name, is_recorded=is_recorded)


def remove(
    schedule: _Id,
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Let a schedule fire no more."""
    _change("remove", schedule, by, wait, store, team_name, Output(as_json=as_json))


def pause(
    schedule: _Id,
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Let a schedule fire no more until it is resumed."""
    _change("pause", schedule, by, wait, store, team_name, Output(as_json=as_json))


def resume(
    schedule: _Id,
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Let a paused schedule fire again, from now on."""
    _change("resume", schedule, by, wait, store, team_name, Output(as_json=as_json))


def schedule_app(wrapped: Wrapping) -> typer.Typer:
    """The commands below `mentra schedule`, each `wrapped` as all commands are."""
    return command_group("Have agents woken, or no more.", (add, remove, pause, resume), wrapped)


def _change(
    change: Literal["pause", "resume", "remove"],
    schedule_id: str,
    by: str | None,
    wait: float,
    store: Path,
    team_name: str,
    output: Output,
) -> None:
    with opened(store, team_name) as team:
        _require_open(_listed(team), schedule_id)
    stream_id = schedule_stream(TeamId(team_name))
    wish = ChangeScheduleWish(schedules=stream_id, schedule_id=schedule_id, change=change)
    is_recorded = _asked(output, wish, store, wait, by)
    if output.as_json:
        output.document({"id": schedule_id, "change": change, "state": state_word(is_recorded)})
        return
    to_be = "" if is_recorded else "to be "
    output.show(Text(f"Schedule {schedule_id} is {to_be}{_DONE[change]}."))


def _require_open(listed: Sequence[ListedSchedule], schedule_id: str) -> None:
    """Refuse a change of one that is over; the writer refuses one that never was."""
    for one in (each.schedule for each in listed):
        if one.schedule_id == schedule_id and not one.is_open:
            raise CommandRejected(f"the schedule {schedule_id} is over: {one.status}")


def _asked(output: Output, wish: ScheduleWish, store: Path, wait: float, by: str | None) -> bool:
    is_recorded = wished(output, wish, store, by=person(by), wait_s=wait) is not None
    if not is_recorded:
        remark_handed_over(output)
    return is_recorded


def _tell_added(
    output: Output, wish: AddScheduleWish, store: Path, team_name: str, *, is_recorded: bool
) -> None:
    found: ListedSchedule | None = None
    if is_recorded:
        with opened(store, team_name) as team:
            found = next(
                (one for one in _listed(team) if one.schedule.command_id == wish.key), None
            )
    if output.as_json:
        shown = {} if found is None else _document(found)
        output.document({**shown, "state": state_word(is_recorded)})
    elif found is None:
        output.show(Text(f"{wish.agent_id} is to be woken: {timing_words(wish.timing)}."))
    else:
        for line in _lines(found):
            output.show_hanging(line, _INDENT)


def _listed(team: OpenStore) -> tuple[ListedSchedule, ...]:
    views = stored_schedules(team.reader, team.journal)
    return listed_schedules(
        view.schedule for view in views if view.schedule and view.team_id == team.team_id
    )


def _lines(listed: ListedSchedule) -> list[Text]:
    one = listed.schedule
    head = Text.assemble(
        (f"{one.schedule_id:<{_INDENT}}", "bold"),
        f"{one.agent_id}, {timing_words(one.timing)}, ",
        (one.status, _STYLES.get(one.status, "dim")),
        f" ({one.cause.replace('_', ' ')})" if one.cause else "",
        f", fired {one.fired}" if one.fired else "",
        f", missed {one.missed}" if one.missed else "",
    )
    room = " " * _INDENT
    lines = [head]
    if listed.next_due is not None:
        lines.append(Text(f"{room}next {_both_times(listed.next_due)}"))
    if one.words:
        lines.append(Text(f"{room}{one.words}", style="red"))
    return [*lines, Text(f"{room}{' '.join(one.body.split())}", style="dim")]


def _both_times(at: float) -> str:
    local = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at))
    return f"{local} ({moment_words(at)})"


def _document(listed: ListedSchedule) -> JsonObject:
    one: Schedule = listed.schedule
    due = listed.next_due
    return {
        "id": one.schedule_id,
        "agent": one.agent_id,
        "when": timing_words(one.timing),
        "timing": one.timing,
        "status": one.status,
        "next_due": due,
        "next_due_utc": None if due is None else moment_words(due),
        "next_due_local": None
        if due is None
        else datetime.fromtimestamp(due).astimezone().isoformat(timespec="seconds"),
        "message": one.body,
        "created_by": one.created_by,
        "added_at": one.added_at,
        "until": one.until,
        "max_fires": one.max_fires,
        "fired": one.fired,
        "missed": one.missed,
        "last_due_at": one.last_due_at,
        "last_fired_at": one.last_fired_at,
        "ended_at": one.ended_at,
        "cause": one.cause,
        "words": one.words,
    }
