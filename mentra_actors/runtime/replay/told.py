"""Differences in words, as plain text."""

from collections import Counter
from collections.abc import Mapping, Sequence

from mentra_actors.runtime.replay.verification import OtherDecision

__all__ = ["difference_words", "known_words", "request_words", "untold_words"]

_MOST_CHARS = 120
_MOST_CALLS = 5


def difference_words(difference: OtherDecision) -> str:
    """An append that is decided otherwise: a line for it, and one for each place."""
    one = difference
    lines = [f"position {one.position}, {one.stream_id}, {one.command}:"]
    if one.refusal:
        lines.append(f"    recorded {', '.join(one.recorded)}; now refused: {one.refusal}")
    for place in one.fields:
        lines.append(f"    {_place(one, place.place)}")
        lines.append(f"      recorded  {_cut(place.recorded)}")
        lines.append(f"      now       {_cut(place.decided)}")
    return "\n".join(lines)


def request_words(changed: Sequence[str]) -> list[str]:
    """Model calls that would be sent something else."""
    shown = ", ".join(changed[:_MOST_CALLS])
    more = f" and {len(changed) - _MOST_CALLS} more" if len(changed) > _MOST_CALLS else ""
    return [f"another request would be sent for {shown}{more}"] if changed else []


def known_words(known: Sequence[OtherDecision]) -> list[str]:
    """What releases are known to decide otherwise than older ones, and how often it counts."""
    counts = Counter(change for one in known for change in one.changes)
    ordered = sorted(counts.items(), key=lambda one: (one[0].since, one[0].words))
    return [f"otherwise since {one.since}, as is known: {one.words} ({n})" for one, n in ordered]


def untold_words(untold: Mapping[str, int]) -> list[str]:
    """What was not decided again, and why; the coverage is never hidden."""
    return [f"not decided again: {count} of {what}" for what, count in untold.items()]


def _place(difference: OtherDecision, place: str) -> str:
    """The event by its name, and the field: `ToolCallStarted.call_id`."""
    number, _, field = place.partition(".")
    names = difference.recorded if int(number) < len(difference.recorded) else difference.decided
    return f"{names[int(number)]}{'.' if field else ''}{field}"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 1]}…"
