"""One event: a line for people, an object for programs."""

import msgspec
from rich.text import Text

from mentra_actors.cli.output import local_time
from mentra_actors.envelope import RecordedEvent, RetiredEvent, SkippedEvent, UnknownEvent
from mentra_actors.ids import StreamId, category_of
from projections.views.timeline import sentence_of

__all__ = ["event_document", "event_line", "stream_style"]

_STREAM_STYLES = {
    "agent": "cyan",
    "board": "green",
    "inbox": "magenta",
    "memory": "yellow",
    "team": "blue",
}


def event_line(recorded: RecordedEvent[object], *, with_stream: bool) -> Text:
    """Position, stream, version, time, a sentence and the tag."""
    line = Text()
    line.append(f"{recorded.global_position:>6}  ", style="dim")
    if with_stream:
        line.append(f"{recorded.stream_id:<14}", style=stream_style(recorded.stream_id))
    line.append(f" v{recorded.stream_version:<5}")
    line.append(f"{local_time(recorded.recorded_at_ns / 1e9)}  ", style="dim")
    sentence = sentence_of(recorded)
    line.append(sentence, style="")
    if sentence != recorded.event_type:  # an event without a sentence is told by its tag
        line.append(f"  {recorded.event_type}", style="dim")
    if skipped := _why_skipped(recorded.event):
        line.append(f"  skipped: {skipped}", style="yellow")
    return line


def stream_style(stream_id: StreamId) -> str:
    """The colour of a stream, by its kind."""
    return _STREAM_STYLES.get(category_of(stream_id), "")


def event_document(recorded: RecordedEvent[object]) -> dict[str, object]:
    """Everything that is stored of one event, as this release reads it.

    `event` is null for one that it skips, and `skipped` says why.
    """
    event = recorded.event
    return {
        "position": recorded.global_position,
        "stream": recorded.stream_id,
        "version": recorded.stream_version,
        "part": recorded.part,
        "tag": recorded.event_type,
        "recorded_at": recorded.recorded_at_ns / 1e9,
        "sentence": sentence_of(recorded),
        "causation": recorded.causation,
        "correlation": recorded.correlation,
        "epoch": recorded.epoch,
        "event": None if isinstance(event, SkippedEvent) else msgspec.to_builtins(event),
        "skipped": _why_skipped(event),
    }


def _why_skipped(event: object) -> str:
    """Why this release takes no account of an event; empty for one that it understands."""
    match event:
        case UnknownEvent(reason=reason) | RetiredEvent(reason=reason):
            return reason
        case _:
            return ""
