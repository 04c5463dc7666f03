"""The conversation of the growth benchmark.

One turn: the user says something, the model calls one tool, the tool answers, the model answers;
1 KiB of text in all, different in each turn. Models decide by the last message alone and stream
nothing, so that what is measured is the framework and not its fake. What a provider would do to
send a request is on no side.
"""

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["TOOL", "Turn", "payload_bytes"]

TOOL = "look"
_USER, _ARGUMENTS, _RESULT, _ANSWER = 300, 100, 312, 312
_WORDS = "the quick brown fox jumps over the lazy dog and goes on to look for something else "


@dataclass(frozen=True)
class Turn:
    """What is said in one turn; `number` counts from 1."""

    number: int

    @property
    def user(self) -> str:
        """The user's message."""
        return self._text("please", _USER)

    @property
    def call_id(self) -> str:
        """The model's id for the call of the tool."""
        return f"call_{self.number:08}"

    @property
    def place(self) -> str:
        """The one argument of the tool."""
        return self._text("place", _ARGUMENTS)

    @property
    def arguments(self) -> str:
        """The arguments as the model writes them."""
        return json.dumps({"place": self.place}, separators=(",", ":"))

    @property
    def result(self) -> str:
        """What the tool answers."""
        return self._text("found", _RESULT)

    @property
    def answer(self) -> str:
        """The model's last word."""
        return self._text("answer", _ANSWER)

    def _text(self, begin: str, length: int) -> str:
        begin = f"{begin} {self.number} "
        return (begin + _WORDS * 5)[:length]

    def messages(self) -> list[dict[str, Any]]:
        """The turn on a plain wire: four messages."""
        call = {"id": self.call_id, "name": TOOL, "arguments": self.arguments}
        return [
            {"role": "user", "content": self.user},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": self.call_id, "content": self.result},
            {"role": "assistant", "content": self.answer},
        ]


def payload_bytes(turns: int) -> int:
    """What has to be kept of so many turns: their messages as compact JSON."""
    return sum(
        len(json.dumps(message, separators=(",", ":")))
        for number in range(1, turns + 1)
        for message in Turn(number).messages()
    )
