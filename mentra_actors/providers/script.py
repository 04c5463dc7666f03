"""What a scripted model plays: turns, and the book that knows which one comes next.

A list is read by *position*: the turn is the number of assistant messages in the request, not a
count of calls. So a process that restarts in the middle of a conversation goes on with the right
turn, and a call that is repeated gets the same answer.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from mentra_actors.domain.content import AssistantBlock, AssistantMessage
from mentra_actors.domain.model_call import ModelReply, ModelRequest, TokenUsage
from mentra_actors.errors import ProviderError

__all__ = [
    "NEVER_ENDS",
    "BreaksAfter",
    "NeverEnds",
    "PlainTurn",
    "Script",
    "ScriptBook",
    "Staged",
    "Turn",
    "position",
]


class NeverEnds(msgspec.Struct, frozen=True):
    """A turn that streams its text and then hangs until it is cancelled."""

    text: str = ""


NEVER_ENDS = NeverEnds()


class BreaksAfter(msgspec.Struct, frozen=True):
    """A failure in the middle of an answer: the stream breaks after so many deltas."""

    delta_count: int


PlainTurn: TypeAlias = (
    str | ModelReply | AssistantBlock | Sequence[AssistantBlock] | NeverEnds | Exception
)


class Staged(msgspec.Struct, frozen=True):
    """A turn with what happens around it.

    `usage` is what the answer has cost (else it is estimated), `delay_s` the seconds before each
    piece. The first attempts at this turn end as `fail_first` says: an exception to raise before
    the answer begins, or `BreaksAfter`.
    """

    turn: PlainTurn
    usage: TokenUsage | None = None
    delay_s: float | None = None
    fail_first: Sequence[Exception | BreaksAfter] = ()


Turn: TypeAlias = PlainTurn | Staged
Script: TypeAlias = (
    Sequence[Turn]
    | Mapping[str, Sequence[Turn]]
    | Callable[[ModelRequest], Turn | Awaitable[Turn]]
)


def position(request: ModelRequest) -> int:
    """How many answers the conversation holds already: the index of the turn to play, from 0."""
    return sum(isinstance(message, AssistantMessage) for message in request.messages)


def _check(script: object) -> None:
    """A text is a sequence as well, and would be played letter by letter."""
    lists = script.values() if isinstance(script, Mapping) else (script,)
    for one in () if callable(script) else lists:
        if isinstance(one, str) or not isinstance(one, Sequence):
            raise TypeError(
                f"a script is a list of turns, lists by model name, or a function, not {one!r}; "
                'one turn is written ["Hello."]'
            )


class ScriptBook:
    """The turns of one script, and which of them were played. Used on one event loop.

    Raises:
        TypeError: it is no script, but a text, say.
    """

    def __init__(self, script: Script, *, repeat: bool) -> None:
        _check(script)
        self._script = script
        self._repeat = repeat
        self._played: set[tuple[str, int]] = set()
        self._failed: dict[tuple[str, int], int] = {}
        self._beyond: list[str] = []

    async def turn(self, request: ModelRequest) -> Staged:
        """The turn that this request asks for, with the failures that are still to come.

        Raises:
            ProviderError: the script has no such turn.
        """
        turn = await self._turn(request)
        staged = turn if isinstance(turn, Staged) else Staged(turn)
        failed = self._failed.get(_place(request), 0)
        return msgspec.structs.replace(staged, fail_first=staged.fail_first[failed:])

    def note_failed(self, request: ModelRequest) -> None:
        """An attempt at this turn has ended as its `fail_first` said."""
        self._failed[_place(request)] = self._failed.get(_place(request), 0) + 1

    def note_played(self, request: ModelRequest) -> None:
        """The turn of this request was played to its end."""
        self._played.add((self._list_of(request), self._index(request)))

    def faults(self) -> list[str]:
        """Turns that nobody has heard, and requests for which there was none, in words.

        Raises:
            TypeError: the script is a function, which has no last turn.
        """
        if callable(self._script):
            raise TypeError("a script that is a function has no last turn: look at `asked`")
        lists = self._script if isinstance(self._script, Mapping) else {"": self._script}
        unheard = [
            f"turn {index + 1} of {len(turns)}{_of(name)} was not played: {_shown(turn)}"
            for name, turns in lists.items()
            for index, turn in enumerate(turns)
            if (name, index) not in self._played
        ]
        return [*unheard, *self._beyond]

    async def _turn(self, request: ModelRequest) -> Turn:
        if callable(self._script):
            turn = self._script(request)
            return await turn if inspect.isawaitable(turn) else turn
        turns = self._turns(request)
        index = self._index(request)
        if index < len(turns):
            return turns[index]
        named = _of(self._list_of(request))
        raise self._refusal(
            f"the script{named} has {len(turns)} turns, and turn {index + 1} was asked for"
        )

    def _turns(self, request: ModelRequest) -> Sequence[Turn]:
        if isinstance(self._script, Mapping):
            if request.model not in self._script:
                names = ", ".join(self._script) or "nobody"
                raise self._refusal(f"the script has turns for {names}, not for {request.model}")
            return self._script[request.model]
        return () if callable(self._script) else self._script

    def _list_of(self, request: ModelRequest) -> str:
        return request.model if isinstance(self._script, Mapping) else ""

    def _index(self, request: ModelRequest) -> int:
        index = position(request)
        turns = self._turns(request)
        return index % len(turns) if self._repeat and turns else index

    def _refusal(self, said: str) -> ProviderError:
        self._beyond.append(said)
        return ProviderError(said, kind="invalid_request", transient=False)


def _place(request: ModelRequest) -> tuple[str, int]:
    return request.model, position(request)


def _of(name: str) -> str:
    return f" of {name}" if name else ""


def _shown(turn: Turn) -> str:
    text = repr(turn)
    return text if len(text) <= 80 else f"{text[:77]}…"  # noqa: PLR2004 - one line
