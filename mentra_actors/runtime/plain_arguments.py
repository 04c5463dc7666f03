"""Checks of single arguments, made where a program gives them: an actor only sees good ones."""

import math
from collections.abc import Iterable

from mentra_actors.ids import AgentId

__all__ = [
    "id_of",
    "require_call",
    "require_entry",
    "require_known",
    "require_seconds",
    "require_text",
    "require_whole",
]


def require_text(text: object, what: str) -> None:
    """Refuse what is no text that can be stored.

    Raises:
        TypeError, ValueError: it is no string, or not Unicode.
    """
    if type(text) is not str:
        raise TypeError(f"{what} is a plain string, not {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} must be Unicode text: {error}") from error


def id_of(agent: object) -> AgentId | None:
    """The id of an agent of either face; None if none is named.

    Raises:
        TypeError: it is no agent, but perhaps its name.
    """
    if agent is None:
        return None
    agent_id = getattr(agent, "agent_id", None)
    if isinstance(agent, type) or not isinstance(agent_id, str):
        raise TypeError(f"agent is an Agent, as `spawn` and `agent()` give it, not {agent!r}")
    return AgentId(agent_id)


def require_entry(entry_id: object) -> None:
    """Refuse what cannot be the number of an entry.

    Raises:
        TypeError: it is no whole number.
    """
    require_whole(entry_id, "an entry")


def require_whole(number: object, what: str) -> None:
    """Refuse what is no whole number.

    Raises:
        TypeError: it is none; a flag is none either.
    """
    if type(number) is not int:
        raise TypeError(f"{what} is a whole number, not {number!r}")


def require_call(call: object) -> None:
    """Refuse what names no model call: neither its id nor the number of a round.

    Raises:
        TypeError: it is neither a plain string nor a whole number.
    """
    if type(call) not in (str, int):
        raise TypeError(f"a model call has an id, a round a whole number; found {call!r}")


def require_seconds(seconds: object, what: str) -> None:
    """Refuse what is no time to wait; None is one: however long.

    Raises:
        TypeError: it is no number.
        ValueError: it is negative, or not finite.
    """
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{what} is a number of seconds or None, not {seconds!r}")
    try:
        is_time = math.isfinite(seconds) and seconds >= 0
    except OverflowError:
        is_time = False
    if not is_time:
        raise ValueError(f"{what} must be a number of seconds from 0, found {seconds}")


def require_known(given: Iterable[str], known: Iterable[str], no: str) -> None:
    """Refuse arguments that there are not; `no` is how the refusal begins.

    Raises:
        TypeError: one is not known; the message lists those that are.
    """
    known = list(known)
    if unknown := set(given) - set(known):
        raise TypeError(f"{no} {sorted(unknown)[0]!r}; there are {', '.join(known)}")
