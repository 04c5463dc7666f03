"""`mentra log`: what was recorded, event by event."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import OpenStore, opened, until_ctrl_c
from mentra_actors.cli.render.render_log import event_document, event_line
from mentra_actors.cli.times import position_in
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId, category_of

__all__ = ["log"]

_MOST_TAGS = 10


@dataclass(frozen=True, slots=True)
class _Wish:
    """Whose events, and which of them; empty filters let everything pass."""

    stream_id: StreamId | None
    categories: tuple[str, ...]
    tags: tuple[str, ...]

    def place(self, recorded: RecordedEvent[object]) -> int:
        """What `after` counts: versions of one stream, else positions."""
        return recorded.global_position if self.stream_id is None else recorded.stream_version

    def lets_pass(self, recorded: RecordedEvent[object]) -> bool:
        """Also for events of one stream, which are read unfiltered."""
        is_of_kind = not self.categories or category_of(recorded.stream_id) in self.categories
        return is_of_kind and (not self.tags or recorded.event_type in self.tags)


def log(
    agent: Annotated[
        str | None,
        typer.Argument(help="An agent's name or a stream (board-main); without it: everything."),
    ] = None,
    after: Annotated[
        str,
        typer.Option(
            metavar="MOMENT",
            help="Begin after this version (without AGENT: position) or time (10m ago); -20: the "
            "last 20.",
        ),
    ] = "0",
    category: Annotated[
        list[str] | None, typer.Option(help="Only streams of this kind (agent, inbox, board).")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only events with this tag; may be repeated.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events come.")] = False,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """The events of one agent, of any stream, or of the team."""
    output = Output(as_json=as_json)
    with opened(store, team_name) as team:
        stream_id = None if agent is None else team.stream(agent)
        wish = _Wish(stream_id, tuple(category or ()), tuple(tag or ()))
        place = _place_named(team, stream_id, after)
        found = False
        with until_ctrl_c(follows=follow):
            for recorded in filter(wish.lets_pass, _events(team, wish, place, follow=follow)):
                found = True
                if as_json:
                    output.json_line(event_document(recorded))
                else:
                    output.show_line(event_line(recorded, with_stream=stream_id is None))
        if not found:
            output.remark(_nothing(team, wish, place))


def _place_named(team: OpenStore, stream_id: StreamId | None, after: str) -> int:
    """What `after` means: a version of a stream, or without one a position; it may be to come."""
    said = after.strip()
    if re.fullmatch(r"[0-9]{1,18}", said):
        return int(said)
    if stream_id is None:
        return position_in(team, said)
    if before_end := re.fullmatch(r"(?:end)?-([0-9]{1,18})", said):
        return max(team.reader.stream_version(stream_id) - int(before_end[1]), 0)
    return team.journal.version_at(stream_id, position_in(team, said))


def _nothing(team: OpenStore, wish: _Wish, after: int) -> str:
    """Why nothing is shown: no event is after the place, or none has the tag."""
    words = f"There is nothing after {after} in {team.path}."
    if not wish.tags:
        return words
    others = Counter(one.event_type for one in _events(team, replace(wish, tags=()), after))
    if not others:
        return words
    some = ", ".join(sorted(tag for tag, _ in others.most_common(_MOST_TAGS)))
    more = f" and {len(others) - _MOST_TAGS} more" if len(others) > _MOST_TAGS else ""
    place = f" after {after}" if after else ""
    return f"No event{place} has the tag {' or '.join(wish.tags)}; there are {some}{more}."


def _events(
    team: OpenStore, wish: _Wish, after: int, *, follow: bool = False
) -> Iterator[RecordedEvent[object]]:
    place = after
    for _ in team.ends(follow=follow):
        while page := _page(team, wish, place):
            yield from page
            place = wish.place(page[-1])


def _page(team: OpenStore, wish: _Wish, place: int) -> list[RecordedEvent[object]]:
    if wish.stream_id is None:
        page = team.journal.read_journal(
            after=place, categories=wish.categories, event_types=wish.tags
        )
    else:
        page = team.journal.read_stream(wish.stream_id, after=place)
    return [one for one in page if wish.place(one) > place]
