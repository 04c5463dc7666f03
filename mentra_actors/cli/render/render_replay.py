"""What people read of a log that was decided again, and of runs that were run again."""

import json
from collections.abc import Iterator, Sequence

import msgspec
from rich.text import Text

from mentra_actors.cli.output import Output, harmless
from mentra_actors.runtime.history.replays import Replay, ReplayRow
from mentra_actors.runtime.replay.team_playing import TeamReplay
from mentra_actors.runtime.replay.told import (
    difference_words,
    known_words,
    request_words,
    untold_words,
)
from mentra_actors.runtime.replay.trajectories import Trajectory, TrajectoryStep
from mentra_actors.runtime.replay.verification import OtherDecision, Verification
from projections.views.sentence_words import clipped, counted

__all__ = ["replay_document", "show_replay", "show_table", "show_team_replay", "show_verification"]

_MOST_LINES = 20
_CHARS = 60
_ANSWER_CHARS = 28
_INDENT = 7
_BUT = ", but for what is known"


def show_verification(output: Output, found: Verification, requests: Sequence[str] = ()) -> None:
    """The verdict, the first difference whole, the others in a line each, and the coverage."""
    appends = counted(found.appends, "append")
    if found.is_same and not requests:
        output.show(Text(f"{appends} decided again: {_as_it_was(found.known)}.", style="green"))
    else:
        others = counted(len(found.differences), "append")
        words = f"{appends} decided again: {others} would be otherwise today."
        output.show(Text(words, style="bold red"))
    if found.differences:
        output.show(Text())
        _show_first(output, found.differences[0])
        for line in _others(found.differences[1:]):
            output.show_line(line)
    for words in request_words(requests):
        output.show(Text(harmless(words), style="yellow"))
    _show_coverage(output, found)


def _as_it_was(known: Sequence[OtherDecision]) -> str:
    return f"all as they were recorded{_BUT if known else ''}"


def _show_coverage(output: Output, found: Verification | TeamReplay) -> None:
    for words in (*known_words(found.known), *untold_words(found.untold)):
        output.show_line(Text(harmless(words), style="dim"))


def show_team_replay(output: Output, found: TeamReplay) -> None:
    """The verdict, the first difference whole, the first one of each other stream, the streams."""
    appends = counted(found.appends, "append")
    if found.is_same:
        same = "each event is the same, with its ids and times"
        but = _BUT if found.known else ""
        output.show(Text(f"{appends} played again: {same}{but}.", style="green"))
    else:
        streams = counted(len(found.differences), "stream")
        words = f"{appends} played again: {streams} went another way."
        output.show(Text(words, style="bold red"))
        output.show(Text())
        _show_first(output, found.differences[0])
        for line in _others(found.differences[1:]):
            output.show_line(line)
    if found.streams:
        output.show(Text())
        output.table("", ("stream", "played", "copied", "left"), list(_stream_rows(found)))
    _show_coverage(output, found)


def _stream_rows(found: TeamReplay) -> Iterator[Sequence[Text]]:
    others = {one.stream_id for one in found.differences}
    for stream_id, one in found.streams.items():
        style = "red" if stream_id in others else ""
        counts = (f"{number:,}" for number in (one.played, one.copied, one.left))
        yield [
            Text(harmless(stream_id), style=style),
            *(Text(number, justify="right") for number in counts),
        ]


def _show_first(output: Output, difference: OtherDecision) -> None:
    head, *lines = harmless(difference_words(difference)).split("\n")
    output.show(Text(head, style="bold"))
    for line in lines:
        is_now = line.lstrip().startswith("now")
        style = "red" if is_now else "green" if line.lstrip().startswith("recorded") else ""
        output.show(Text(line, style=style))


def _others(differences: Sequence[OtherDecision]) -> Iterator[Text]:
    if differences:
        yield Text()
    for one in differences[:_MOST_LINES]:
        places = ", ".join(place.place for place in one.fields) or one.refusal or "nothing now"
        line = Text(f"{one.position:>6}  ", style="dim")
        line.append(f"{one.stream_id}  ", style="cyan")
        yield line.append(harmless(f"{one.command}: {places}"))
    left = len(differences) - _MOST_LINES
    if left > 0:
        yield Text(f"        ... and {left:,} more; --json has them all", style="dim")


def replay_document(found: Replay) -> dict[str, object]:
    """A run that was run again, for programs: without the events themselves."""
    names = [name for name in found.__struct_fields__ if name != "events"]
    return {name: msgspec.to_builtins(getattr(found, name)) for name in names}


def show_replay(output: Output, found: Replay) -> None:
    """The steps of the run, with what was there where another one is now; the answer, the cost."""
    how = f"live from model call {found.live_from}" if found.live_from else "nothing was asked"
    output.show(Text.assemble((f"{found.run_id}", "bold"), f", {how}"))
    steps, before = found.now.steps, found.before.steps
    for number in range(max(len(steps), len(before))):
        new = steps[number] if number < len(steps) else None
        old = before[number] if number < len(before) else None
        for line in _step_lines(number + 1, old, new):
            output.show_hanging(line, _INDENT)
    if found.now.ended in ("failed", "cancelled"):
        output.show_hanging(Text(f"     why: {harmless(clipped(found.answer, 400))}"), _INDENT)
    output.show(Text())
    _show_sums(output, found.before, found.now)
    output.show(_verdict(found))
    for words in known_words(found.known):
        output.show_line(Text(harmless(words), style="dim"))
    if found.unmade:
        named = ", ".join(dict.fromkeys(found.unmade))
        words = (
            f"Not made, for they are on no log: {counted(len(found.unmade), 'call')} of {named}"
        )
        output.show(Text(harmless(words), style="yellow"))
    for difference in found.differences[:1]:
        _show_first(output, difference)


def _step_lines(
    number: int, old: TrajectoryStep | None, new: TrajectoryStep | None
) -> Iterator[Text]:
    head = f"{number:>3}  "
    if old == new and new is not None:
        yield Text.assemble((head, "dim"), "= ", _words(new))
        return
    if old is not None:
        yield Text.assemble((head, "dim"), ("- ", "red"), (_words(old), "red"))
    if new is not None:
        yield Text.assemble((head, "dim"), ("+ ", "green"), (_words(new), "green"))


def _words(step: TrajectoryStep) -> str:
    match step.what:
        case "answer":
            said = ", ".join(filter(None, (clipped(step.told, _CHARS), *_asked(step.asked))))
        case "call":
            said = f"{step.name} {clipped(step.asked, _CHARS)} → {clipped(step.told, _CHARS)}"
        case _:
            said = f"the run {step.name or 'goes on'}"
    return harmless(said)


def _asked(calls: str) -> Iterator[str]:
    """The calls of an answer: each tool with its input."""
    for name, arguments in json.loads(calls) if calls else ():
        yield f"asks for {name} {clipped(json.dumps(arguments, ensure_ascii=False), _CHARS)}"


def _show_sums(output: Output, before: Trajectory, now: Trajectory) -> None:
    rows = [
        [Text(name), Text(then, justify="right"), Text(today, justify="right")]
        for name, then, today in (
            ("model calls", f"{before.model_calls:,}", f"{now.model_calls:,}"),
            ("tool calls", f"{before.tool_calls:,}", f"{now.tool_calls:,}"),
            ("tokens", f"{before.tokens:,}", f"{now.tokens:,}"),
            ("cost", _money(before.cost_usd_micros), _money(now.cost_usd_micros)),
        )
    ]
    output.table("", ("", "recorded", "now"), rows)


def _money(micros: int | None) -> str:
    return "unknown" if micros is None else f"${micros / 1e6:,.4f}"


def _verdict(found: Replay) -> Text:
    if found.is_same:
        return Text("Every event is the same, with its ids and times.", style="green")
    if found.first_other is None:
        return Text("What was said and done is the same.", style="green")
    return Text(f"It goes another way from step {found.first_other} on.", style="yellow")


def show_table(output: Output, rows: Sequence[ReplayRow]) -> None:
    """A line for each run."""
    if not rows:
        output.remark("No run has ended yet.")
        return
    heads = ("run", "decided", "steps", "tokens", "cost", "tools", "answer")
    output.table("", heads, [_row(one) for one in rows], wrapped=("answer",))
    others = sum(one.first_other is not None for one in rows)
    output.remark(f"{counted(len(rows), 'run')}, {others} of them another way.")


def _row(one: ReplayRow) -> Sequence[Text]:
    if one.problem:
        blank = [Text("")] * 5
        return [
            Text(one.run_id),
            *blank,
            Text(harmless(clipped(one.problem, _CHARS)), style="red"),
        ]
    decided = Text("same", style="green") if not one.decisions else Text("other", style="red")
    steps = Text("same", style="green")
    if one.first_other is not None:
        steps = Text(f"from {one.first_other}", style="yellow")
    answer = Text("same", style="green")
    if not one.is_same_answer:
        answer = Text(harmless(clipped(one.answer, _ANSWER_CHARS)))
    return [
        Text(one.run_id),
        decided,
        steps,
        Text(_pair(*one.tokens), justify="right"),
        Text(_pair(*map(_money, one.cost_usd_micros)), justify="right"),
        Text(_pair(*one.tool_calls), justify="right"),
        answer,
    ]


def _pair(then: int | str, now: int | str) -> str:
    told = [f"{one:,}" if isinstance(one, int) else one for one in (then, now)]
    return told[0] if then == now else f"{told[0]} → {told[1]}"
