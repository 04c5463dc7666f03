"""The storage format as text: every stored event, its fields, and the values inside of them."""

import difflib
import re
from enum import Enum
from types import NoneType, UnionType
from typing import Union, get_args, get_origin

import msgspec

from mentra_actors.codec.event_codec import tag_of

__all__ = ["advice", "breaking_changes", "format_text"]

_SETTINGS = {"array_like": False, "forbid_unknown_fields": False, "omit_defaults": False}
"""Settings of a class that change its bytes, with their usual values."""

_READ_THE_SAME = ("(omit_defaults)",)
"""Settings with which the bytes are others, and what is read of them is the same."""

_MODULE = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Z])")


def format_text(event_types):
    """The text of a list of event classes."""
    events, inside = _classes(event_types)
    lines = ["# Every stored event: tag, fields, defaults. Then the values inside of them.", ""]
    for kind in events:
        lines += [tag_of(kind), *_lines_of(kind), ""]
    for kind in inside:
        tag = None if issubclass(kind, Enum) else kind.__struct_config__.tag
        lines += [f"{kind.__name__} ({tag})" if tag else kind.__name__, *_lines_of(kind), ""]
    return "\n".join(lines)


def _classes(event_types):
    """Event classes by tag, then the classes inside of their fields, by name."""
    inside = {}
    waiting = list(event_types)
    while waiting:
        for field in msgspec.structs.fields(waiting.pop()):
            for kind in _classes_in(field.type):
                if kind.__name__ not in inside:
                    inside[kind.__name__] = kind
                    if issubclass(kind, msgspec.Struct):
                        waiting.append(kind)
    return sorted(event_types, key=tag_of), [inside[known] for known in sorted(inside)]


def _classes_in(kind):
    """The structs and enums that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct | Enum):
        return [kind]
    return [found for part in getattr(kind, "__args__", ()) for found in _classes_in(part)]


def _lines_of(kind):
    if issubclass(kind, Enum):
        return [f"  {member.value!r}" for member in kind]
    config = kind.__struct_config__
    settings = [
        f"  ({name})" for name, usual in _SETTINGS.items() if getattr(config, name) != usual
    ]
    return [*settings, *map(_field_line, msgspec.structs.fields(kind))]


def _field_line(field):
    line = f"  {field.encode_name}: {_type_name(field.type)}"
    if field.default is not msgspec.NODEFAULT:
        return f"{line} = {_default_text(field.default)}"
    if field.default_factory is not msgspec.NODEFAULT:
        return f"{line} = {_name(field.default_factory)}()"
    return line


def _default_text(default):
    """A struct that is all defaults is named only: its own section says what they are."""
    is_plain = isinstance(default, msgspec.Struct) and default == _without_values(type(default))
    return f"{type(default).__name__}()" if is_plain else repr(default)


def _without_values(kind):
    needed = any(field.required for field in msgspec.structs.fields(kind))
    return None if needed else kind()


def _type_name(kind):
    """A type without the modules it lives in: those may change. Unions alike on every Python."""
    if get_origin(kind) in (Union, UnionType):
        return " | ".join("None" if one is NoneType else _type_name(one) for one in get_args(kind))
    is_plain = isinstance(kind, type) and not hasattr(kind, "__origin__")
    return _name(kind) if is_plain else _MODULE.sub("", repr(kind))


def _name(kind):
    return getattr(kind, "__name__", repr(kind))


# --- what a difference means ------------------------------------------------------------------


def breaking_changes(agreed, found):
    """What is gone or changed, or new without a default: logs that exist hold the older form."""
    before, now = _sections(agreed), _sections(found)
    changes = [f"{head} is gone" for head in before if head not in now]
    for head, lines in before.items():
        fields = now.get(head, lines)
        names = {one.partition(":")[0] for one in lines}
        changes += [f"{head}: `{one}` is gone or changed" for one in lines if one not in fields]
        changes += [
            f"{head}: `{one}` is new and has no default"
            for one in fields
            if one.partition(":")[0] not in names and not one.startswith("'") and " = " not in one
        ]
    return changes


def _sections(text):
    blocks = (block.split("\n") for block in text.split("\n\n")[1:])
    return {head: _promises(lines) for head, *lines in blocks if head}


def _promises(lines):
    """What a section says that readers of a log rely on."""
    stripped = (line.strip() for line in lines)
    return [line for line in stripped if line and line not in _READ_THE_SAME]


def advice(agreed, found):
    """What differs, and what to do about it."""
    diff = "\n".join(
        difflib.unified_diff(agreed.split("\n"), found.split("\n"), "agreed", "now", lineterm="")
    )
    changes = breaking_changes(agreed, found)
    if not changes:
        return (
            f"The storage format has grown:\n{diff}\n\n"
            "Logs that exist stay readable if each new field's default is what old events mean. "
            "If so, accept it: run `make golden` and commit the diff."
        )
    listed = "\n".join(f"  {change}" for change in changes)
    return (
        f"The storage format has changed:\n{diff}\n\n"
        f"Logs that exist hold the older form, and these changes re-mean or lose it:\n{listed}\n\n"
        "Give the event a new tag, and write an upcaster from the old one: docs/evolution.md. "
        "Has a type only become wider, or does no log of a release hold the older form yet? Then "
        "accept it: run `make golden` (or pytest with MENTRA_ACCEPT_GOLDEN=1) and commit the diff."
    )
