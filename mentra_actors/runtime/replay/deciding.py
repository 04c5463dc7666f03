"""Deciding one append again: its command is made of its events, and asked of the decider of today.

Pure. Of several commands that may have been meant the one counts that gives the longest beginning
of what was recorded; if none gives any, the first one shows the difference.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from mentra_actors.decider import AnyDecider
from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.replay.rebuild.contract import KnownAppend
from mentra_actors.runtime.replay.rebuild.tables import StreamRules

__all__ = ["DecidedAgain", "decided_again", "fault_words"]

_FIRST_LOOK = 64
"""Events; nearly all appends are shorter."""
_WIDER = 4


class DecidedAgain(msgspec.Struct, frozen=True, kw_only=True):
    """What a decider says to a command today; `refusal` says why it records nothing.

    `same` counts the recorded events, from the first one, that it gives again: all of its own, or
    none if there is a difference.
    """

    command: Any
    events: tuple[Any, ...] = ()
    refusal: str = ""
    same: int = 0


def decided_again(rules: StreamRules, known: KnownAppend[Any]) -> DecidedAgain | None:
    """The decision that explains an append best; None if no command can be made of it.

    `known.events` may go on after the append: what one command gives is found by deciding. Of many
    events the first ones are looked at, and more only where a command gives as many, or none fits.
    """
    count = _FIRST_LOOK
    while True:
        near = replace(known, events=known.events[:count])
        best, most = _best(rules, near)
        if count >= len(known.events) or (best is not None and best.same and most < count):
            return best
        count *= _WIDER


def _best(rules: StreamRules, known: KnownAppend[Any]) -> tuple[DecidedAgain | None, int]:
    """The best decision, and how many events the one has that has most."""
    builder = rules.builders.get(type(known.events[0]))
    best: DecidedAgain | None = None
    most = 0
    for command in builder(known.events[0], known) if builder else ():
        decision = _decision(rules.decider, command, known)
        most = max(most, len(decision.events))
        if best is None or decision.same > best.same:
            best = decision
        if decision.same == len(known.events):
            break
    return best, most


def _decision(decider: AnyDecider, command: object, known: KnownAppend[Any]) -> DecidedAgain:
    try:
        events = tuple(decider.decide(command, known.state))
    except CommandRejected as rejected:
        return DecidedAgain(command=command, refusal=rejected.reason)
    except Exception as error:  # noqa: BLE001 - a decider that was changed may break in any way
        return DecidedAgain(command=command, refusal=fault_words(error))
    is_same = bool(events) and _begins(known.events, events)
    return DecidedAgain(command=command, events=events, same=len(events) if is_same else 0)


def fault_words(error: Exception) -> str:
    """What kept a decider that was changed from an answer."""
    return f"{type(error).__name__}: {error}"


def _begins(recorded: Sequence[object], decided: Sequence[object]) -> bool:
    if len(decided) > len(recorded):
        return False
    return all(
        type(old) is type(new) and old == new for old, new in zip(recorded, decided, strict=False)
    )
