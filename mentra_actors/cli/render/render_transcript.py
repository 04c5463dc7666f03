"""A transcript: labelled lines for people, objects for programs."""

import json
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec
from rich.text import Text

from mentra_actors.ids import EffectId
from projections.views import transcript_item as t
from projections.views.transcript_item import TranscriptItem

__all__ = ["INDENT", "item_document", "item_lines"]

_MOST_LINES = 12
_MOST_CHARS = 1_000
_MOST_RESULT_CHARS = 300
INDENT = 17


def item_document(item: TranscriptItem) -> dict[str, object]:
    """One item, for programs; `content` has its kind under `type`."""
    plain: dict[str, object] = msgspec.to_builtins(item)
    return {
        "version": item.stream_version,
        "position": item.global_position,
        "recorded_at": item.recorded_at,
        "content": plain["content"],
    }


def item_lines(items: Sequence[TranscriptItem]) -> Iterator[tuple[int, Text]]:
    """The items, each with its version: who speaks, and what."""
    names = {
        item.content.key: item.content.name
        for item in items
        if isinstance(item.content, t.ToolCall)
    }
    for item in items:
        label = _label(item.content, names)
        if label is not None:
            who, style, text = label
            yield item.stream_version, _line(item.stream_version, who, style, text)


_Label: TypeAlias = tuple[str, str, str]


def _line(version: int, who: str, style: str, text: str) -> Text:
    line = Text()
    line.append(f"{f'v{version}':>5} ", style="dim")
    line.append(f"{who:<10} ", style=style)
    line.append(_shortened(text), style="dim" if style == "dim" else "")
    return line


def _shortened(text: str) -> str:
    lines = text.strip()[:_MOST_CHARS].splitlines() or [""]
    shown = lines[:_MOST_LINES]
    if len(shown) < len(lines) or len(text.strip()) > _MOST_CHARS:
        shown.append("…")
    return ("\n" + " " * INDENT).join(shown)


def _label(content: t.ItemContent, names: dict[EffectId, str]) -> _Label | None:
    match content:
        case t.Spawned(name=name, role=role, model=model):
            return "spawned", "dim", f"{name}, {role} ({model})"
        case t.Prompt(text=text):
            return "prompt", "bold blue", text
        case t.MailIn(sender=sender, body=body):
            return "mail in", "magenta", f"from {sender}: {body}"
        case t.MailOut(to=to, body=body):
            return "mail out", "magenta", f"to {to}: {body}"
        case t.MailHandedOver(letters=letters):
            return "mail", "dim", f"{letters} read by the host"
        case t.Queued(queue=queue, text=text):
            return queue.replace("_", "-"), "bold blue", text
        case t.Injected(text=text):
            return "told", "blue", text
        case _:
            return (
                _run_label(content)
                or _model_label(content)
                or _permission_label(content, names)
                or _call_label(content, names)
            )


def _run_label(content: t.ItemContent) -> _Label | None:
    match content:
        case t.RunEnded(how=how, text=text):
            if how != "finished":
                return how, "bold red", text
            return "rests", "dim", text or "the run has ended"
        case t.StopAsked(reason=reason):
            return "stop", "yellow", reason
        case t.Recovered(open_effects=opened):
            left = f"open: {', '.join(opened)}" if opened else "nothing was open"
            return "recovered", "bold yellow", f"the process had died; {left}"
        case t.Branched() | t.Edited():
            return _branch_label(content)
        case t.Moved(to_entry=to_entry, reason=reason):
            where = f"to entry {to_entry}" if to_entry else "to the beginning"
            return reason, "bold yellow", f"the conversation goes back {where}"
        case t.Compacted(replaced=replaced):
            told = f"{replaced} older entries are told as a summary from here on"
            return "compacted", "bold yellow", told
        case t.Reconfigured(options=options):
            return "configure", "dim", ", ".join(options)
        case t.Stopped():
            return "stopped", "dim", ""
        case _:
            return None


def _branch_label(content: t.Branched | t.Edited) -> _Label:
    if isinstance(content, t.Branched):
        said = f"goes on in the branch {content.branch}, from position {content.position}"
        return "branch", "bold magenta", said
    where = f"in the place of entry {content.entry}" if content.entry else "behind the last entry"
    who = f" by {content.by}" if content.by else ""
    return "edited", "bold magenta", f"{content.kind} {where}{who}: {content.text}"


def _permission_label(content: t.ItemContent, names: dict[EffectId, str]) -> _Label | None:
    match content:
        case t.PermissionAsked(key=key, description=description):
            return "asks", "bold yellow", f"{names.get(key, key)}: {description}"
        case t.PermissionGiven(key=key, allow=allow, reason=reason, resolved_by=by):
            who = f" by {by}" if by else ""
            why = f": {reason}" if reason else ""
            said = f"{names.get(key, key)}{who}{why}"
            return ("allowed", "green", said) if allow else ("denied", "red", said)
        case t.SubagentMade(key=key, name=name):
            return "subagent", "cyan", f"{name}, made by {names.get(key, key)}"
        case t.SubagentEnded(agent_id=agent_id, how=how):
            return "subagent", "red" if how == "failed" else "dim", f"{agent_id}: {how}"
        case t.Undone(tool=tool, content=text, is_error=is_error):
            who, style = ("not undone", "bold red") if is_error else ("undone", "yellow")
            return who, style, f"{tool}: {_clipped(text)}"
        case _:
            return None


def _model_label(content: t.ItemContent) -> _Label | None:
    match content:
        case t.AssistantText(text=text):
            return "says", "bold green", text
        case t.AssistantRefusal(text=text):
            return "refuses", "bold red", text
        case t.AssistantThinking(text=text):
            return "thinks", "dim", text or "(only its provider can read it)"
        case t.AssistantOpaque(item_type=item_type):
            return "provider", "dim", item_type
        case t.ModelFailure(kind=kind, message=message):
            return "failure", "bold red", f"{kind}: {message}"
        case t.ModelRetry(attempt=attempt):
            return "retry", "yellow", f"attempt {attempt}"
        case t.Withheld(limit=limit):
            return (
                "withheld",
                "bold yellow",
                f"not asked: {limit.replace('_', ' ')} used up by all",
            )
        case t.Abandoned(partial_text=text):
            return "broke off", "dim", text
        case _:
            return None


def _call_label(content: t.ItemContent, names: dict[EffectId, str]) -> _Label | None:
    match content:
        case t.ToolCall(name=name, arguments=arguments):
            return "calls", "cyan", f"{name}({_arguments(arguments)})"
        case t.ToolCallChanged(status="started"):
            return None
        case t.ToolCallChanged(key=key, status=status):
            return status, "bold yellow", f"{names.get(key, '')} {key}"
        case t.ToolResult(key=key, content=text, is_error=is_error):
            who, style = ("error", "red") if is_error else ("result", "dim")
            return who, style, f"{names.get(key, key)}: {_clipped(text)}"
        case t.OutcomeUnknown(key=key, reason=reason):
            return "unknown", "bold red", f"{names.get(key, key)}: {reason}"
        case t.Skipped(key=key, reason=reason):
            return "skipped", "yellow", f"{names.get(key, key)}: {reason}"
        case _:
            return None


def _clipped(text: str) -> str:
    """A result in short; programs and `--json` get the whole."""
    return text if len(text) <= _MOST_RESULT_CHARS else f"{text[:_MOST_RESULT_CHARS]}…"


def _arguments(arguments: str) -> str:
    try:
        decoded = json.loads(arguments or "{}")
    except ValueError:
        return arguments
    if not isinstance(decoded, dict):
        return arguments
    return ", ".join(f"{name}={_value(value)}" for name, value in decoded.items())


def _value(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004 - what a line takes
