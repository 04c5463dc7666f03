"""What a request consists of, as lines with bars, and as a document."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec
from rich.text import Text

from mentra_actors.cli.output import Output
from mentra_actors.effects.context.context_pieces import PartName
from mentra_actors.effects.context.context_report import ContextReport
from projections.views.sentence_words import counted

__all__ = ["REMARK", "context_document", "context_lines", "show_context"]

REMARK = (
    "Tokens are estimated. Descriptions of tools are not on the log: these are the tools of "
    "`mentra run`; those of your own program may differ."
)

_LABELS: Mapping[PartName, str] = MappingProxyType(
    {
        "system": "system prompt",
        "guides": "guides of tools",
        "output": "output schema",
        "people": "words of people",
        "stubs": "stubs",
        "recalled": "recalled memory",
    }
)
_COLOURS: Mapping[PartName, str] = MappingProxyType(
    {
        "system": "magenta",
        "guides": "magenta",
        "tools": "blue",
        "output": "blue",
        "people": "green",
        "mail": "green",
        "calls": "cyan",
        "results": "yellow",
        "stubs": "yellow",
    }
)
_BAR = "█"
_PIPED_WIDTH = 80
_LEAST_BAR, _MOST_BAR = 6, 30
_SHARE = 9
"""Columns of a share, and the spaces between columns."""
_MOST_TOOLS = 8


def show_context(
    output: Output, report: ContextReport, unknown: Sequence[str], *, has_all: bool
) -> None:
    """The whole report, for people."""
    width = output.console.width if output.is_terminal else _PIPED_WIDTH
    for line, is_cut in context_lines(report, width, unknown=unknown, has_all=has_all):
        if is_cut:
            output.show_line(line)
        else:
            output.show_hanging(line, 2)


def context_lines(
    report: ContextReport,
    width: int = _PIPED_WIDTH,
    *,
    unknown: Sequence[str] = (),
    has_all: bool = False,
) -> Iterator[tuple[Text, bool]]:
    """The lines of a report, with bars for so many columns; True of those that are better cut."""
    yield from ((line, False) for line in _head(report))
    yield Text(), True
    sizes = [(_label(one.name), one.tokens, _COLOURS.get(one.name, "")) for one in report.parts]
    yield from ((line, True) for line in _bars(sizes, report.tokens, width - 1))
    if report.stubs.count:
        yield _stubs(report), False
    yield from ((line, True) for line in _tool_lines(report, width))
    yield from ((line, True) for line in _message_lines(report, has_all=has_all))
    if unknown:
        words = f"Not counted, since nobody here knows these tools: {', '.join(unknown)}"
        yield Text(), True
        yield Text(words, style="yellow"), False


def _head(report: ContextReport) -> Iterator[Text]:
    which = f"call {report.call}" if report.call else "the next request"
    if report.is_stopped:
        which = "which has stopped: it makes no request any more; this would be one"
    yield Text.assemble((report.agent, "bold"), f", {which} of {report.model}")
    yield Text.assemble(
        (f"{report.tokens:,} tokens", "bold"),
        f" and {counted(report.chars, 'character')} in "
        f"{counted(len(report.messages), 'message')}; "
        f"the conversation has {counted(report.entries, 'entry')}",
    )
    share = report.window_share
    if report.context_window and share is not None:
        style = "bold red" if share > 1 else ""
        yield Text(f"{share:.1%} of the window of {report.context_window:,}", style=style)
    if report.compacted_at_tokens is not None:
        yield Text(f"limit for a compaction: {report.compacted_at_tokens:,} tokens", style="dim")
    last = report.last_counted
    if last is not None:
        yield Text(
            f"call {last.number}: {last.counted_tokens:,} tokens by the provider's count, "
            f"{last.estimated_tokens:,} by the estimate (x{last.scale:.2f}); "
            f"this one by that: {report.scaled_tokens:,}",
            style="dim",
        )


def _bars(sizes: Sequence[tuple[str, int, str]], whole: int, width: int) -> Iterator[Text]:
    """A line a size: its name, its tokens, its share of the whole, and a bar of the largest."""
    figures = max((len(f"{tokens:,}") for _, tokens, _ in sizes), default=0)
    names = max((len(name) for name, _, _ in sizes), default=0)
    names = min(names, max(width - figures - _SHARE - _LEAST_BAR, 1))
    room = min(max(width - names - figures - _SHARE, 1), _MOST_BAR)
    most = max((tokens for _, tokens, _ in sizes), default=0) or 1
    for name, tokens, colour in sizes:
        share = tokens / whole if whole else 0.0
        label = name if len(name) <= names else f"{name[: names - 1]}…"
        line = Text(f"{label:<{names}} {tokens:>{figures},} {share:>6.1%} ")
        line.append(_BAR * round(room * tokens / most), style=colour)
        line.rstrip()
        yield line


def _label(part: PartName) -> str:
    return _LABELS.get(part, part)


def _stubs(report: ContextReport) -> Text:
    stubs = report.stubs
    results = counted(stubs.count, "result")
    words = f"{results} told as stubs; whole: {stubs.whole_tokens:,} tokens, not {stubs.tokens:,}"
    return Text(words, style="dim")


def _tool_lines(report: ContextReport, width: int) -> Iterator[Text]:
    if not report.tools:
        return
    yield Text()
    yield Text(counted(len(report.tools), "tool"), style="bold")
    sizes = [(one.name, one.tokens, _COLOURS["tools"]) for one in report.tools[:_MOST_TOOLS]]
    yield from _bars(sizes, report.tokens, width - 1)
    left = report.tools[_MOST_TOOLS:]
    if left:
        tokens = counted(sum(one.tokens for one in left), "token")
        yield Text(f"and {len(left)} more of {tokens}", style="dim")


def _message_lines(report: ContextReport, *, has_all: bool) -> Iterator[Text]:
    messages = report.messages if has_all else report.largest
    if not messages:
        return
    yield Text()
    yield Text("All messages" if has_all else "The largest messages", style="bold")
    figures = max(len(f"{one.tokens:,}") for one in messages)
    for one in messages:
        entry = f"e{one.entry_id}" if one.entry_id else "-"
        line = Text(f"{entry:>6} {one.tokens:>{figures},} ")
        line.append(f"{_label(one.part)}: ", style=_COLOURS.get(one.part, "bold"))
        yield line.append(one.words)


def context_document(
    report: ContextReport, unknown: Sequence[str], *, has_all: bool
) -> dict[str, object]:
    """The report for programs; the messages are the largest ones, or all in order."""
    last = report.last_counted
    return {
        "agent": report.agent,
        "model": report.model,
        "call": report.call,
        "is_estimate": True,
        "tokens": report.tokens,
        "scaled_tokens": report.scaled_tokens,
        "chars": report.chars,
        "context_window": report.context_window,
        "window_share": report.window_share,
        "compacted_at_tokens": report.compacted_at_tokens,
        "last_counted": None if last is None else {**_fields(last), "scale": last.scale},
        "parts": [_fields(one) for one in report.parts],
        "tools": [_fields(one) for one in report.tools],
        "stubs": _fields(report.stubs),
        "entries": report.entries,
        "message_count": len(report.messages),
        "messages": [_fields(one) for one in (report.messages if has_all else report.largest)],
        "is_stopped": report.is_stopped,
        "tools_of": "mentra run",
        "unknown_tools": list(unknown),
    }


def _fields(one: msgspec.Struct) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}
