"""What is wrong with a projection, said where it is declared and not where it first folds."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, ClassVar, TypedDict, Unpack

import msgspec

from mentra_actors.ids import is_valid_name

__all__ = [
    "Declared",
    "checked_handles",
    "checked_initial",
    "checked_name",
    "checked_names",
    "checked_projection",
    "checked_view_type",
    "missing_members",
]

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_TOLD_TYPES = 5
_MAX_VERSION = 2**31 - 1
_MEMBERS = ("name", "version", "view_type", "keys", "initial", "apply")


class EventChoice(TypedDict, total=False):
    """Which events a projection sees; what is left out is all.

    `handles` are classes of events, `categories` (`agent`) and `streams` (ids) say of which
    streams.
    """

    handles: Iterable[type[object]] | None
    categories: Collection[str]
    streams: Collection[str]


class Declared:
    """What the class of a projection says of itself in its head, checked when it is made.

    Arguments: `name` (else that of the class, in snake case), `version`, and which events it sees.
    What a class does not choose it has from the one that it inherits from.
    """

    name: str
    version: int
    handles: frozenset[type[object]] | None = None
    view_type: object = None
    categories: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(
        cls, *, name: str = "", version: int = 1, **choice: Unpack[EventChoice]
    ) -> None:
        super().__init_subclass__()
        cls.name = checked_name(name or _WORDS.sub("_", cls.__name__).lower(), version)
        cls.version = version
        cls.handles = checked_handles(cls.name, choice.get("handles")) or cls.handles
        cls.categories = checked_names(cls.name, choice.get("categories", ())) or cls.categories
        cls.streams = checked_names(cls.name, choice.get("streams", ())) or cls.streams


def checked_name(name: str, version: int) -> str:
    """The name, if a view can have it and the version.

    Raises:
        ValueError: it cannot.
    """
    if not is_valid_name(name):
        raise ValueError(
            f"{name!r} cannot name a projection: 1 to 100 ASCII letters, digits and `_ . : -`, "
            "the first a letter, digit or `_`"
        )
    if not 1 <= version <= _MAX_VERSION:
        raise ValueError(f"projection {name!r}: versions count from 1, found {version!r}")
    return name


def checked_projection(given: object) -> None:
    """See that something can be folded at all.

    Raises:
        TypeError: it is the name or the class of a projection, or anything else.
    """
    missing = missing_members(given)
    if isinstance(given, str):
        raise TypeError(
            f"{given!r} is a name: pass the projection itself, one of your own or a built-in one "
            "such as `projections.TASK_BOARD`"
        )
    if missing:
        raise TypeError(
            f"{given!r} is no projection: it has no {', '.join(missing)}; built-in ones such as "
            "`projections.ROSTER` are, and instances of your own"
        )
    if isinstance(given, type):
        raise TypeError(f"{given.__name__} is a class: pass {given.__name__}()")


def missing_members(given: object) -> list[str]:
    """What keeps something from being a projection; empty for one."""
    return [member for member in _MEMBERS if not hasattr(given, member)]


def checked_handles(
    name: str, handles: Iterable[type[object]] | None
) -> frozenset[type[object]] | None:
    """The classes of events, as a set.

    Raises:
        TypeError: one of them is no class of events.
        ValueError: there is none.
    """
    if handles is None:
        return None
    classes: Iterable[Any] = (handles,) if isinstance(handles, type) else handles
    found: frozenset[type[object]] = frozenset(classes)
    if not found:
        raise ValueError(
            f"projection {name!r} handles nothing: leave `handles` out for all events"
        )
    for one in found:
        if not isinstance(_tag(one), str):
            shown = getattr(one, "__qualname__", repr(one))
            raise TypeError(
                f"projection {name!r}: {shown} is no class of events; `mentra_actors.events` has "
                "them all"
            )
    return found


def checked_view_type(name: str, view_type: object) -> object:
    """The type of a part, if it can be stored and read again.

    Raises:
        TypeError: it cannot.
    """
    try:
        msgspec.msgpack.Decoder(view_type)
        foreign = list(_types_in(msgspec.inspect.type_info(view_type), set()))
    except (TypeError, NameError) as error:
        raise TypeError(
            f"projection {name!r}: a view of {view_type!r} cannot be stored: {error}"
        ) from error
    if foreign:
        shown = ", ".join(sorted({repr(one) for one in foreign})[:_TOLD_TYPES])
        raise TypeError(
            f"projection {name!r}: {shown} cannot be stored; use msgspec structs, dataclasses, "
            "numbers, text, and lists, tuples, sets and dicts of them"
        )
    return view_type


def checked_initial(name: str, view_type: object, initial: Callable[[], object]) -> None:
    """See that the first view is made anew each time and is of the type that is stored.

    Raises:
        TypeError: it is not.
    """
    if not callable(initial):
        raise TypeError(
            f"projection {name!r}: `initial` makes the first view, so that no two share it; say "
            f"`initial={type(initial).__name__}` or `initial=lambda: {initial!r}`"
        )
    first = initial()
    try:
        msgspec.msgpack.decode(msgspec.msgpack.encode(first), type=view_type)
    except (TypeError, msgspec.DecodeError) as error:
        raise TypeError(
            f"projection {name!r}: its first view {first!r} is no {_shown(view_type)}: {error}"
        ) from error


def checked_names(name: str, given: Collection[str]) -> frozenset[str]:
    """Categories or ids of streams, as a set.

    Raises:
        TypeError: it is one text, whose letters would be taken for names.
    """
    if isinstance(given, str):
        raise TypeError(f"projection {name!r}: {given!r} is one text; say [{given!r}]")
    return frozenset(given)


def _tag(one: object) -> object:
    config = getattr(one, "__struct_config__", None)
    return None if config is None else config.tag


def _shown(view_type: object) -> str:
    return view_type.__qualname__ if isinstance(view_type, type) else repr(view_type)


def _types_in(found: object, seen: set[object]) -> Iterator[object]:
    """Types that msgspec does not know, anywhere in a type; each struct is looked at once."""
    if isinstance(found, msgspec.inspect.CustomType):
        yield found.cls
        return
    own = getattr(found, "cls", None)
    if own is not None:
        if own in seen:
            return
        seen.add(own)
    for name in getattr(found, "__struct_fields__", ()):
        yield from _types_below(getattr(found, name), seen)


def _types_below(value: object, seen: set[object]) -> Iterator[object]:
    if isinstance(value, msgspec.inspect.Type):
        yield from _types_in(value, seen)
    elif isinstance(value, msgspec.inspect.Field):
        yield from _types_in(value.type, seen)
    elif isinstance(value, tuple):
        for one in value:
            yield from _types_below(one, seen)
