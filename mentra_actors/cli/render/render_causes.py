"""Causes and effects as people read them: one line per event, long runs folded."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.text import Text

from mentra_actors.cli.output import Output, local_moment, local_time
from mentra_actors.cli.render.render_log import stream_style
from mentra_actors.runtime.history.causes import CauseChain, Effects
from projections.views.sentence_words import counted
from projections.views.timeline import TimelineLine

__all__ = ["show_causes", "show_effects"]

_SHOWN_OF_A_STREAM = 10
"""Of more neighbouring steps in one stream the first and the last five are shown."""
_SAYS_LITTLE = re.compile(
    r"model asked, round \d+|\d+ tool calls? planned|model is shown .*|tool-\S+ started: \S+"
)
"""What the steps beside it say as well."""
_BEGINNINGS = {
    "timer": "a schedule came due",
    "recovery": "the process had died, and its successor went on",
}


def show_causes(output: Output, chain: CauseChain, *, is_whole: bool) -> None:
    """The event first, its beginning last."""
    width = max(len(one.stream_id) for one in chain.steps)
    steps = chain.steps if is_whole else _telling(chain.steps)
    for step in _folded(steps, is_whole=is_whole):
        if isinstance(step, int):
            output.show(Text(f"        ┆ {step} more steps (--all)", style="dim"))
            continue
        arrow = "  " if step is chain.steps[0] else "← "
        output.show_line(_line(step, arrow, width))
    output.show(Text(_beginning(chain), style="bold"))
    if len(steps) < len(chain.steps):
        output.show(Text("Steps that tell little are left out; --all shows each.", style="dim"))


def _telling(steps: Sequence[TimelineLine]) -> Sequence[TimelineLine]:
    """The steps that tell something, and always the first and the last one."""
    ends = (steps[0], steps[-1])
    return [one for one in steps if one in ends or not _SAYS_LITTLE.fullmatch(one.sentence)]


def show_effects(output: Output, found: Effects, *, is_whole: bool) -> None:
    """In the order of the log, each with the position of its cause."""
    width = max(len(one.stream_id) for one in (found.of, *(e.line for e in found.effects)))
    causes = {one.line.global_position: one.cause for one in found.effects}
    arrow_width = len(str(max(causes.values(), default=0))) + 3
    output.show_line(_line(found.of, " " * arrow_width, width))
    for step in _folded([one.line for one in found.effects], is_whole=is_whole):
        if isinstance(step, int):
            output.show(Text(f"        ┆ {step} more (--all)", style="dim"))
            continue
        arrow = f"← {causes[step.global_position]}"
        output.show_line(_line(step, f"{arrow:<{arrow_width}}", width))
    output.show(Text(_extent(found), style="bold"))


def _folded(steps: Sequence[TimelineLine], *, is_whole: bool) -> Iterator[TimelineLine | int]:
    """The steps, and in place of those in the middle of one stream's their number."""
    for _, group in groupby(steps, key=lambda one: one.stream_id):
        neighbours = list(group)
        left_out = len(neighbours) - _SHOWN_OF_A_STREAM
        if is_whole or left_out <= 1:
            yield from neighbours
            continue
        half = _SHOWN_OF_A_STREAM // 2
        yield from neighbours[:half]
        yield left_out
        yield from neighbours[-half:]


def _line(step: TimelineLine, arrow: str, width: int) -> Text:
    line = Text(f"{step.global_position:>6} ", style="dim")
    line.append(arrow, style="dim")
    line.append(f"{step.stream_id:<{width}}  ", style=stream_style(step.stream_id))
    line.append(f"{local_time(step.recorded_at)}  ", style="dim")
    line.append(step.sentence, style="")
    return line


def _beginning(chain: CauseChain) -> str:
    first = chain.steps[-1]
    when = local_moment(first.recorded_at)
    words = _BEGINNINGS.get(chain.beginning, f"a program or a person: {chain.command}")
    return f"It began {when}, {counted(len(chain.steps) - 1, 'step')} before: {words}."


def _extent(found: Effects) -> str:
    if not found.effects:
        return "Nothing came of it."
    streams = len({one.line.stream_id for one in found.effects})
    more = " and more (--limit)" if found.is_cut else ""
    events = counted(len(found.effects), "event")
    deepest = counted(max(one.depth for one in found.effects), "step")
    where = counted(streams, "stream")
    return f"{events}{more} came of it, in {where}, up to {deepest} away."
