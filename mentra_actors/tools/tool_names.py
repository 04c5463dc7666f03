"""Names of tools, as a program gives them."""

from collections.abc import Iterable

__all__ = ["tool_names"]


def tool_names(option: str, given: object, *, advice: str) -> tuple[str, ...]:
    """The names that an option is given; `advice` ends what is said of a tool itself.

    Raises:
        TypeError: it is no list, or something in it is no name.
    """
    if isinstance(given, str):
        raise TypeError(f"{option} are a list of names, not one string")
    if not isinstance(given, Iterable):
        raise TypeError(f"{option} are a list of names of tools, not {given!r}")
    names = tuple(given)
    for one in names:
        if not isinstance(one, str):
            told = getattr(one, "name", None) or getattr(one, "__name__", None) or repr(one)
            raise TypeError(f"{option} are names of tools, and {told} is none: {advice}")
    return names
