"""A tuple and a set that grow by one in constant time."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Generic, TypeVar, overload

__all__ = ["AppendOnly", "AppendOnlySet"]

T = TypeVar("T")


class AppendOnly(Sequence[T]):
    """An immutable sequence; `append` returns a longer one that shares the items.

    Every value sees its own first items of one list that only grows at its end. Whoever appends
    to the longest value extends that list; appending to a shorter one (a branch) copies, and the
    first item begins a list: the empty value is everybody's. Owners append on one thread; reading
    is safe on any.
    """

    __slots__ = ("_items", "_length")

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._items = list(items)
        self._length = len(self._items)

    def append(self, item: T) -> "AppendOnly[T]":
        """This sequence with `item` after it; this one stays as it is."""
        longer: AppendOnly[T] = AppendOnly.__new__(AppendOnly)
        is_longest = 0 < self._length == len(self._items)
        longer._items = self._items if is_longest else self._items[: self._length]
        longer._items.append(item)
        longer._length = self._length + 1
        return longer

    def last(self, default: T) -> T:
        """The last item, or `default` if there is none."""
        return self._items[self._length - 1] if self._length else default

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._length)
            if step > 0:
                return tuple(self._items[start:stop:step])
            return tuple(self._items[i] for i in range(start, stop, step))
        place = index + self._length if index < 0 else index
        if not 0 <= place < self._length:
            raise IndexError(f"index {index} of {self._length} items")
        return self._items[place]

    def __iter__(self) -> Iterator[T]:
        return islice(self._items, self._length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AppendOnly):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == theirs for mine, theirs in zip(self, other, strict=True)
        )

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"AppendOnly({list(self)!r})"


class AppendOnlySet(Generic[T]):
    """An immutable set; `add` returns a larger one that shares the members.

    Like `AppendOnly`: whoever adds to the largest value extends one mapping from each member to
    its number, and adding to a smaller one (a branch) copies. Owners add on one thread.
    """

    __slots__ = ("_count", "_numbers")

    def __init__(self, members: Iterable[T] = ()) -> None:
        self._numbers = {member: number for number, member in enumerate(dict.fromkeys(members))}
        self._count = len(self._numbers)

    def add(self, member: T) -> "AppendOnlySet[T]":
        """This set with `member` in it; this one stays as it is."""
        if member in self:
            return self
        larger: AppendOnlySet[T] = AppendOnlySet.__new__(AppendOnlySet)
        larger._numbers = self._numbers
        if self._count == 0:
            larger._numbers = {}
        elif self._count < len(self._numbers):
            larger._numbers = {m: n for m, n in self._numbers.items() if n < self._count}
        larger._numbers[member] = self._count
        larger._count = self._count + 1
        return larger

    def __contains__(self, member: object) -> bool:
        number = self._numbers.get(member)  # type: ignore[arg-type]
        return number is not None and number < self._count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        return (member for member, number in self._numbers.items() if number < self._count)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AppendOnlySet):
            return NotImplemented
        return len(self) == len(other) and all(member in other for member in self)

    def __hash__(self) -> int:
        return hash(frozenset(self))

    def __repr__(self) -> str:
        return f"AppendOnlySet({list(self)!r})"
