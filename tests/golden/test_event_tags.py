"""The storage format as text: a change of it must be seen, and meant.

Run with MENTRA_ACCEPT_GOLDEN=1 to write the file anew; then read its diff. A line that goes or
changes breaks logs that exist: use a new tag and an upcaster instead.
"""

import os
from enum import Enum
from pathlib import Path

import msgspec

from mentra_actors.codec.event_codec import tag_of
from mentra_actors.codec.event_types import EVENT_TYPES

GOLDEN = Path(__file__).parent / "event_tags.txt"


def type_name(kind):
    return repr(kind) if not isinstance(kind, type) or hasattr(kind, "__origin__") else name(kind)


def name(kind):
    return getattr(kind, "__name__", repr(kind))


def readable(text):
    for prefix in ("mentra_actors.domain.", "mentra_actors.ids.", "typing."):
        text = text.replace(prefix, "")
    return text


def field_line(field):
    line = f"  {field.encode_name}: {readable(type_name(field.type))}"
    if field.default is not msgspec.NODEFAULT:
        return f"{line} = {field.default!r}"
    if field.default_factory is not msgspec.NODEFAULT:
        return f"{line} = {name(field.default_factory)}()"
    return line


def classes_in(kind):
    """The structs and enums that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct | Enum):
        return [kind]
    return [found for part in getattr(kind, "__args__", ()) for found in classes_in(part)]


def lines_of(kind):
    if issubclass(kind, Enum):
        return [f"  {member.value!r}" for member in kind]
    return [field_line(field) for field in msgspec.structs.fields(kind)]


def stored_classes():
    """Event classes by tag, then the classes inside of their fields, by name."""
    inside = {}
    waiting = list(EVENT_TYPES)
    while waiting:
        for field in msgspec.structs.fields(waiting.pop()):
            for kind in classes_in(field.type):
                if kind.__name__ not in inside:
                    inside[kind.__name__] = kind
                    if issubclass(kind, msgspec.Struct):
                        waiting.append(kind)
    return sorted(EVENT_TYPES, key=tag_of), [inside[known] for known in sorted(inside)]


def described():
    events, inside = stored_classes()
    lines = ["# Every stored event: tag, fields, defaults. Then the values inside of them.", ""]
    for kind in events:
        lines += [tag_of(kind), *lines_of(kind), ""]
    for kind in inside:
        tag = None if issubclass(kind, Enum) else kind.__struct_config__.tag
        head = f"{kind.__name__} ({tag})" if tag else kind.__name__
        lines += [head, *lines_of(kind), ""]
    return "\n".join(lines)


def test_the_storage_format_is_the_one_that_was_agreed():
    """A renamed tag or field makes every log that exists unreadable, and no other test sees it."""
    if os.environ.get("MENTRA_ACCEPT_GOLDEN") == "1":
        GOLDEN.write_text(described(), encoding="utf-8")

    assert described() == GOLDEN.read_text(encoding="utf-8")
