"""`mentra replay --step`: the log append by append, with what each has changed and asked for."""

import sys
from collections.abc import Iterator

import msgspec
from rich.text import Text

from mentra_actors.cli.output import Output, harmless
from mentra_actors.cli.render.render_log import event_line
from mentra_actors.ids import category_of
from mentra_actors.runtime.replay.rebuild.tables import STREAM_RULES
from mentra_actors.runtime.replay.verification import difference_of, field_differences
from mentra_actors.runtime.replay.walk import Step
from projections.views.sentence_words import clipped

__all__ = ["StepByStep"]

_KEYS = "enter next · b back · g POSITION · q quit"
_MOST_FIELDS = 10
_CHARS = 48


class StepByStep:
    """Shows one append after the other, as it is asked for on standard input."""

    def __init__(self, output: Output, coming: Iterator[Step]) -> None:
        """`coming` are the appends, decided again as they are asked for."""
        self._output = output
        self._coming = coming
        self._seen: list[Step] = []

    def walk(self) -> None:
        """Until the end of the input, or `q`; with `--json` all of it, a line for each append."""
        if self._output.as_json:
            for step in self._coming:
                self._output.json_line(_document(step))
            return
        self._output.remark(_KEYS)
        place = self._shown(0)
        for line in _lines():
            wish, _, at = line.strip().partition(" ")
            if wish in ("q", "quit"):
                return
            place = self._shown(self._wanted(wish, at, place))

    def _wanted(self, wish: str, at: str, place: int) -> int:
        if wish in ("", "n", "next"):
            return place + 1
        if wish in ("b", "back"):
            return place - 1
        position = at.strip() or wish.removeprefix("g")
        if wish.startswith("g") and position.isdecimal():
            return self._place_of(int(position))
        self._output.remark(f"{harmless(wish)!r} is no key: {_KEYS}", style="yellow")
        return place

    def _place_of(self, position: int) -> int:
        place = 0
        while self._has(place) and self._end_of(place) < position:
            place += 1
        return place

    def _end_of(self, place: int) -> int:
        step = self._seen[place]
        return step.position + len(step.recorded) + len(step.beside) - 1

    def _has(self, place: int) -> bool:
        while len(self._seen) <= place:
            step = next(self._coming, None)
            if step is None:
                return False
            self._seen.append(step)
        return True

    def _shown(self, place: int) -> int:
        """Show the append at a place, or say that none is there; the place that is shown now."""
        if place < 0:
            self._output.remark("This is the first append.")
            return 0
        if not self._has(place):
            self._output.remark("This is the end of the log.")
            return max(len(self._seen) - 1, 0)
        for line in _step_lines(self._seen[place]):
            self._output.show_line(line)
        return place


def _lines() -> Iterator[str]:
    """Lines of standard input; a prompt where a person types them."""
    while True:
        if sys.stdin.isatty():
            sys.stderr.write("> ")
            sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            return
        yield line


def _otherwise(step: Step) -> tuple[str, str]:
    """How it is decided today, and the style of that: what is known is no alarm."""
    known = _known(step)
    if not known:
        return "otherwise today", "bold red"
    return f"otherwise, as is known {'; '.join(known)}", "yellow"


def _known(step: Step) -> list[str]:
    if step.decision is None or step.is_same:
        return []
    return [f"since {one.since}: {one.words}" for one in difference_of(step).changes]


def _step_lines(step: Step) -> Iterator[Text]:
    yield Text()
    for recorded in (*step.recorded, *step.beside):
        yield event_line(recorded, with_stream=True)
    if step.decision is not None:
        how, style = ("as recorded", "dim") if step.is_same else _otherwise(step)
        yield Text(f"        by {type(step.decision.command).__name__}, {how}", style=style)
    else:
        yield Text(f"        not decided again: {step.untold}", style="dim")
    changed = list(field_differences(step.before, step.after))
    for one in changed[:_MOST_FIELDS]:
        before, after = clipped(one.recorded, _CHARS), clipped(one.decided, _CHARS)
        words = f"        {one.place}: {before} → {after}"
        yield Text(harmless(words), style="cyan")
    if len(changed) > _MOST_FIELDS:
        yield Text(f"        and {len(changed) - _MOST_FIELDS} more fields", style="dim")
    yield Text(f"        waits for: {', '.join(_pending(step)) or 'nothing'}", style="magenta")


def _pending(step: Step) -> list[str]:
    rules = STREAM_RULES.get(category_of(step.stream_id))
    if rules is None:
        return []
    return [
        f"{type(effect).__name__} {effect_id}"
        for effect_id, effect in rules.decider.pending(step.after).items()
    ]


def _document(step: Step) -> dict[str, object]:
    return {
        "position": step.position,
        "stream": step.stream_id,
        "events": [one.event_type for one in step.recorded],
        "beside": [[one.stream_id, one.event_type] for one in step.beside],
        "command": type(step.decision.command).__name__ if step.decision else None,
        "same": step.is_same if step.decision else None,
        "known": _known(step),
        "untold": step.untold,
        "changed": msgspec.to_builtins(list(field_differences(step.before, step.after))),
        "pending": _pending(step),
    }
