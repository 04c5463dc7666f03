"""What differs between two values of any view, place by place. Pure.

Values are compared as the plain ones that `msgspec.to_builtins` makes of them: mappings by key,
lists by their longest common parts.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal

import msgspec

__all__ = ["Difference", "FieldChange", "differences", "field_changes"]

_ENCODER = msgspec.json.Encoder(order="deterministic")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One place at which two values differ; what is missing on one side is None there.

    `path` has keys of mappings as they are and places in lists as `[3]`; in `removed` they are
    those of the value before, else those of the value after.
    """

    path: tuple[str, ...]
    how: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None

    @property
    def place(self) -> str:
        """The path in one word: `state.tasks.3.status`, `items[2].text`."""
        words = [one if one.startswith("[") else f".{one}" for one in self.path]
        return "".join(words).removeprefix(".")


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a record whose value differs; `name` of a nested one is `run.max_rounds`."""

    name: str
    before: Any
    after: Any


def differences(before: object, after: object) -> tuple[Difference, ...]:
    """All places at which two values differ, in their order; none where they are equal."""
    plain = [msgspec.to_builtins(one, str_keys=True) for one in (before, after)]
    return tuple(_between(plain[0], plain[1], ()))


def field_changes(
    before: msgspec.Struct, after: msgspec.Struct, *, without: Sequence[str] = ()
) -> tuple[FieldChange, ...]:
    """The fields in which two records of one type differ, nested records field by field."""
    found: list[FieldChange] = []
    for name in before.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if name in without or old == new:
            continue
        if isinstance(old, msgspec.Struct) and type(old) is type(new):
            nested = field_changes(old, new)
            found += [msgspec.structs.replace(one, name=f"{name}.{one.name}") for one in nested]
        else:
            found.append(FieldChange(name=name, before=old, after=new))
    return tuple(found)


def _between(before: object, after: object, path: tuple[str, ...]) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_mappings(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path)
    elif before != after or type(before) is not type(after):
        yield Difference(path=path, how="changed", before=before, after=after)


def _of_mappings(
    before: Mapping[str, object], after: Mapping[str, object], path: tuple[str, ...]
) -> Iterator[Difference]:
    for key in (*before, *(key for key in after if key not in before)):
        here = (*path, key)
        if key not in after:
            yield Difference(path=here, how="removed", before=before[key])
        elif key not in before:
            yield Difference(path=here, how="added", after=after[key])
        else:
            yield from _between(before[key], after[key], here)


def _of_lists(
    before: Sequence[object], after: Sequence[object], path: tuple[str, ...]
) -> Iterator[Difference]:
    words = [[_ENCODER.encode(one) for one in side] for side in (before, after)]
    matcher = SequenceMatcher(None, words[0], words[1], autojunk=False)
    for how, old, old_end, new, new_end in matcher.get_opcodes():
        if how == "equal":
            continue
        paired = min(old_end - old, new_end - new)
        for offset in range(paired):
            here = (*path, f"[{new + offset}]")
            yield from _between(before[old + offset], after[new + offset], here)
        for place in range(old + paired, old_end):
            yield Difference(path=(*path, f"[{place}]"), how="removed", before=before[place])
        for place in range(new + paired, new_end):
            yield Difference(path=(*path, f"[{place}]"), how="added", after=after[place])
