"""Parts of any view as people read them: a table of plain values, else each with its fields."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.text import Text

from mentra_actors.cli.output import harmless
from mentra_actors.cli.render.figure_words import figure_words, is_figure

__all__ = ["change_line", "part_lines", "plain_rows"]

_MOST_CHARS = 400
_SHORT = 60
_INDENT = 2
_WIDEST = 24
_EMPTY: tuple[object, ...] = (None, "", (), [], {}, False)


def plain_rows(parts: Mapping[str, object]) -> Sequence[Sequence[Text]] | None:
    """A row for each value, if all of them are plain: of one part, or of a part with fields."""
    values = {key: msgspec.to_builtins(part, str_keys=True) for key, part in parts.items()}
    if list(values) == [""] and isinstance(values[""], dict):
        values = values[""]
    if not all(isinstance(value, int | float | str | None) for value in values.values()):
        return None
    return [[Text(_key(key)), _cell(key, value)] for key, value in values.items()]


def part_lines(key: str, part: object) -> Iterator[tuple[Text, int]]:
    """A part, field by field, and where its wrapped lines begin; what is empty is left out."""
    yield Text(_key(key), style="bold"), 0
    yield from _lines(msgspec.to_builtins(part, str_keys=True), _INDENT)


def change_line(position: int, view: str, key: str, part: object) -> Text:
    """One change of a view in one line."""
    plain = msgspec.to_builtins(part, str_keys=True)
    return Text.assemble(
        (f"{position:>7} ", "dim"), (f"{view} ", "cyan"), f"{_key(key)} ", (_short(plain), "dim")
    )


def _key(key: str) -> str:
    return harmless(key) or "(all)"


def _cell(key: str, value: Any) -> Text:
    if is_figure(value):
        return Text(figure_words(key, value), justify="right")
    return Text(_clipped(str(value)))


def _lines(value: object, indent: int) -> Iterator[tuple[Text, int]]:
    room = " " * indent
    if isinstance(value, dict):
        fields = {name: one for name, one in value.items() if one not in _EMPTY}
        width = max((len(name) for name, one in fields.items() if _is_short(one)), default=0)
        for name, one in fields.items():
            if _is_short(one):
                head = f"{room}{name:<{min(width, _WIDEST)}}  "
                yield Text.assemble((head, "cyan"), _clipped(_short(one, name))), len(head)
            else:
                yield Text(f"{room}{name}", style="cyan"), indent
                yield from _lines(one, indent + _INDENT)
    elif isinstance(value, list | tuple):
        for one in value:
            if _is_short(one):
                yield Text(f"{room}- {_clipped(_short(one))}"), indent + _INDENT
            else:
                yield Text(f"{room}-", style="dim"), indent
                yield from _lines(one, indent + _INDENT)
    else:
        yield Text(f"{room}{_clipped(str(value))}"), indent


def _is_short(value: object) -> bool:
    return not isinstance(value, dict | list | tuple) or len(_short(value)) <= _SHORT


def _short(value: Any, name: str = "") -> str:
    """A value in one line, that of a field with this name, without what is empty in it."""
    if isinstance(value, dict):
        fields = ((field, one) for field, one in value.items() if one not in _EMPTY)
        return ", ".join(f"{field} {_inner(one, field)}" for field, one in fields)
    if isinstance(value, list | tuple):
        return ", ".join(map(_inner, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return figure_words(name, value) if is_figure(value) else " ".join(str(value).split())


def _inner(value: object, name: str = "") -> str:
    return f"({_short(value)})" if isinstance(value, dict | list | tuple) else _short(value, name)


def _clipped(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}…"
