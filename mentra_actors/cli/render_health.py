"""Dead letters, quarantines and the health of a store, as text for people."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from mentra_actors.cli.output import local_moment
from mentra_actors.cli.render_approvals import time_span
from projections.dead_letters import DeadLetter, QuarantinedStream
from projections.health import Health, ViewLag
from projections.sentence_words import clipped, counted

__all__ = ["INDENT", "health_lines", "letter_text", "quarantine_text"]

INDENT = 2
"""Columns before every line of a quarantine or letter but its first."""

_SHOWN_CHARS = 300
_LABEL = 14
_MEGABYTE = 1_000_000
_OUTSIDE = "actors, deaths and effects in flight are known to the process that writes only"


def quarantine_text(one: QuarantinedStream) -> Text:
    """A stream that is set aside."""
    text = Text.assemble((one.stream_id, "bold red"), f"  set aside {local_moment(one.since)}")
    if one.because_of:
        text.append(f" with {one.because_of}")
    if not one.is_recorded:
        text.append("  not recorded", style="yellow")
    text.append(f"\n  {clipped(one.cause, _SHOWN_CHARS)}")
    return text


def letter_text(one: DeadLetter) -> Text:
    """A dead letter: its name, what it is, of what its actor died, what is in the way."""
    text = Text.assemble(
        (one.letter_id, "bold"),
        f"  {one.command} to ",
        (one.stream_id, "cyan"),
        (f"  kept {local_moment(one.kept_at)}", "dim"),
    )
    again = f", sent again {counted(one.redrives, 'time')}" if one.redrives else ""
    text.append(f"\n  its actor died {counted(one.deliveries, 'time')}{again}")
    text.append(f"\n  {clipped(one.cause, _SHOWN_CHARS)}")
    if one.says:
        text.append(f"\n  {clipped(one.says, _SHOWN_CHARS)}", style="dim")
    if one.is_under_way:
        text.append("\n  is on its way again", style="green")
    for words in (one.problem, one.fault):
        if words:
            text.append(f"\n  {clipped(words, _SHOWN_CHARS)}", style="yellow")
    return text


def health_lines(health: Health) -> Iterator[Text]:
    """The figures of a store, then what a person should look at."""
    verdict = ("healthy", "bold green") if health.is_healthy else ("not healthy", "bold red")
    yield Text.assemble(verdict, f"  as of {local_moment(health.looked_at)}")
    for label, words in _figures(health):
        yield Text.assemble((f"{label:<{_LABEL}}", "dim"), words)
    for problem in health.problems:
        yield Text.assemble(("! ", "bold red"), clipped(problem, _SHOWN_CHARS))


def _figures(health: Health) -> Sequence[tuple[str, str]]:
    now, writer = health.looked_at, health.writer
    agents = ", ".join(f"{count} {status}" for status, count in health.agents.items())
    effects = ", ".join(
        f"{one.count} {one.kind} (oldest {time_span(now - one.oldest_since)})"
        for one in health.open_effects
    )
    left_s = writer.until - now
    term = (
        "gone"
        if writer.is_gone
        else f"until {time_span(left_s)} from now"
        if left_s > 0
        else "its term is over"
    )
    held = f"{writer.holder}, epoch {writer.epoch}, {term}" if writer.holder else "nobody"
    size = "" if health.store_bytes is None else f", {health.store_bytes / _MEGABYTE:,.1f} MB"
    views = ", ".join(map(_view_words, health.views))
    return [
        ("agents", agents or "none"),
        ("open effects", effects or "none"),
        ("jobs running", f"{health.jobs_running}"),
        ("dead letters", f"{health.dead_letters:,}"),
        ("set aside", f"{len(health.quarantined)}"),
        ("writer", held),
        ("log", f"{counted(health.last_position, 'event')}{size}"),
        ("views", views or "none kept"),
        ("this process", _live_words(health)),
    ]


def _live_words(health: Health) -> str:
    live = health.live
    if live is None:
        return _OUTSIDE
    return (
        f"{counted(live.actors, 'actor')}, {counted(live.effects_in_flight, 'effect')} in flight, "
        f"{counted(live.deaths, 'death')} in {time_span(live.window_s)}"
    )


def _view_words(view: ViewLag) -> str:
    waits = f" ({view.behind_s:,.0f} s)" if view.behind and view.behind_s >= 1 else ""
    paused = ", paused" if view.is_paused else ""
    return f"{view.name} {view.behind:,} behind{waits}{paused}"
