"""A projection with many parts, as a class of a few lines.

    class OutputTokens(KeyedProjection[int], handles=[events.ModelReplied], by="agent"):
        '''Output tokens by agent.'''

        def apply(self, view: int, key: str, recorded: RecordedEvent[Any]) -> int:
            return view + recorded.event.usage.output_tokens

The name of the view is that of the class in snake case, and each part begins as its type does
(`0`, an empty dict, a struct of its defaults), unless the class says otherwise.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import (
    Any,
    ClassVar,
    Generic,
    Literal,
    TypeAlias,
    TypeVar,
    Unpack,
    get_args,
    get_origin,
)

from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import category_of, name_of
from projections.contract import MAX_KEY_BYTES, ONE_PART
from projections.declared import Declared, EventChoice, checked_initial, checked_view_type

__all__ = ["KeyedBy", "KeyedProjection"]

V = TypeVar("V")

KeyedBy: TypeAlias = Literal["stream", "agent", "category", "run", "one"]
"""What a part is for: a stream, an agent (by its id), a category of streams, a run (by its id;
events of no run touch nothing), or everything (`one`)."""

_OF_AGENTS = frozenset({"agent", "inbox", "background", "memory"})


def _by_agent(recorded: RecordedEvent[object]) -> str | None:
    stream_id = recorded.stream_id
    return name_of(stream_id) if category_of(stream_id) in _OF_AGENTS else None


def _run_key(run_id: str) -> str:
    """The id, or a digest of one that no key can hold."""
    encoded = run_id.encode()
    if len(encoded) <= MAX_KEY_BYTES:
        return run_id
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()


_KEY_OF: dict[str, Callable[[RecordedEvent[object]], str | None]] = {
    "stream": lambda recorded: recorded.stream_id,
    "agent": _by_agent,
    "category": lambda recorded: category_of(recorded.stream_id),
    "run": lambda recorded: _run_key(recorded.correlation) if recorded.correlation else None,
    "one": lambda _recorded: ONE_PART,
}


class KeyedProjection(Declared, ABC, Generic[V]):
    """Inherit from it with the type of a part: `class Mine(KeyedProjection[int], …)`.

    Arguments of the class: `name` and `version` of the view; `handles`, the classes of events that
    it sees; `by`, what a part is for; `view_type`, if it is not the type in the brackets;
    `categories` and `streams`, if it sees events of some streams only. What a class does not say,
    but for its name and version, it has from the one that it inherits from.

    Raises, where the class is made:
        TypeError, ValueError: nothing could be folded or stored like this.
    """

    _by: ClassVar[KeyedBy] = "stream"

    def __init_subclass__(
        cls,
        *,
        name: str = "",
        version: int = 1,
        by: KeyedBy | None = None,
        view_type: object = None,
        **choice: Unpack[EventChoice],
    ) -> None:
        super().__init_subclass__(name=name, version=version, **choice)
        cls.view_type = checked_view_type(cls.name, view_type or _type_of_part(cls))
        cls._by = by or cls._by
        if cls._by not in _KEY_OF:
            raise ValueError(f"projection {cls.name!r}: parts are by one of {', '.join(_KEY_OF)}")
        if cls.initial is KeyedProjection.initial:
            checked_initial(cls.name, cls.view_type, lambda: _empty(cls.name, cls.view_type))

    def key(self, recorded: RecordedEvent[Any]) -> str | None:
        """The part that an event touches, or None; override it for keys of your own."""
        return _KEY_OF[self._by](recorded)

    def keys(self, recorded: RecordedEvent[Any]) -> Sequence[str]:
        """The parts that an event touches; override it where that may be several."""
        key = self.key(recorded)
        return () if key is None else (key,)

    def initial(self, key: str) -> V:  # noqa: ARG002 - for those who override it
        """A part before its first event."""
        first: V = _empty(self.name, self.view_type)
        return first

    @abstractmethod
    def apply(self, view: V, key: str, recorded: RecordedEvent[Any]) -> V:
        """A part after one event. Never changes `view` in place."""


def _type_of_part(cls: type[Any]) -> object:
    for base in getattr(cls, "__orig_bases__", ()):
        origin = get_origin(base)
        if isinstance(origin, type) and issubclass(origin, KeyedProjection):
            (part,) = get_args(base)
            if not isinstance(part, TypeVar):
                return part
    if cls.view_type is not None:
        return cls.view_type
    raise TypeError(
        f"say of what type the parts of {cls.__name__} are: "
        f"`class {cls.__name__}(KeyedProjection[int], …)`"
    )


def _empty(name: str, view_type: Any) -> Any:
    make = get_origin(view_type) or view_type
    try:
        return make()
    except TypeError as error:
        raise TypeError(
            f"projection {name!r}: nothing says how a part begins; override `initial`"
        ) from error
