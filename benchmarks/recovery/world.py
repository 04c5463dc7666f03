"""The world of the recovery benchmark: two tools with effects, a scripted model, and a death.

The user says PROMPT. The model asks for `charge` and `mail` in one answer. `charge` does its
effect and returns. `mail` does its effect and then, if this life dies in the tool, the process is
killed before it returns. With both results the model answers with a text; a life may also die in
that second model call.

Everything that peers see is equal: the same tools, the same texts, the same model. The model
refuses what OpenAI, Anthropic and Gemini refuse: an answer with tool calls that is not followed
by a result for each of them.

A model request is a list of neutral messages:

    {"role": "user", "text": "..."}
    {"role": "assistant", "text": "...", "calls": [{"id": "...", "name": "..."}]}
    {"role": "tool", "id": "...", "name": "...", "text": "..."}
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "CHARGED",
    "GRACE_S",
    "MAILED",
    "PROMPT",
    "QUESTION",
    "TOOLS",
    "Life",
    "ModelRefuses",
    "call_ids",
    "result_of",
]

PROMPT = "Charge 5 euros and mail the receipt."
QUESTION = "What happened?"
CHARGED = "charged 5 euros"
MAILED = "mailed the receipt"
TOOLS = {"charge": CHARGED, "mail": MAILED}
ANSWER = "That is all I know."

GRACE_S = 0.5
"""How long a framework has to record what it knows before the process dies."""
CHARGE_TIMEOUT_S = 5.0
_POLL_S = 0.02


class ModelRefuses(Exception):
    """What a provider answers with status 400."""


def result_of(name: str) -> str:
    """What a tool returns, each time it runs."""
    return TOOLS[name]


def call_ids() -> dict[str, str]:
    """The ids that the model gives to the two calls, by tool."""
    return {name: f"call_{name}" for name in TOOLS}


@dataclass(frozen=True)
class Life:
    """One process of the scenario.

    `dies` is where it is killed: `tool`, `model`, or empty for a life that lives. With
    `dedupes` a tool does no effect for a key that the world has seen: what a tool can do that
    is handed a stable id.
    """

    folder: Path
    number: int
    dies: str = ""
    dedupes: bool = False
    grace_s: float = GRACE_S

    # --- tools ----------------------------------------------------------------------------

    async def run_tool(self, name: str, key: str) -> str:
        """The tool, for frameworks that await their tools."""
        self._effect(name, key)
        if self._dies_in(name):
            for wait_s in self._waits():
                await asyncio.sleep(wait_s)
            _die()
        return result_of(name)

    def run_tool_sync(self, name: str, key: str) -> str:
        """The tool, for frameworks that run their tools in threads."""
        self._effect(name, key)
        if self._dies_in(name):
            for wait_s in self._waits():
                time.sleep(wait_s)
            _die()
        return result_of(name)

    def _effect(self, name: str, key: str) -> None:
        """A line in the witness file, on disk before this returns."""
        if self.dedupes and [name, key] in self.witnessed():
            return
        line = json.dumps([name, key]) + "\n"
        file = os.open(self._witness, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, line.encode())
        os.fsync(file)
        os.close(file)

    def _dies_in(self, tool: str) -> bool:
        return self.dies == "tool" and tool == "mail"

    def _waits(self) -> Iterator[float]:
        """Until `charge` has had its effect, and then a while.

        A framework that runs `charge` only after `mail` has had its chance after CHARGE_TIMEOUT_S.
        """
        deadline = time.monotonic() + CHARGE_TIMEOUT_S
        while not self._has_charged() and time.monotonic() < deadline:
            yield _POLL_S
        yield self.grace_s

    def _has_charged(self) -> bool:
        return any(tool == "charge" for tool, _key in self.witnessed())

    @property
    def _witness(self) -> Path:
        return self.folder / "witness.jsonl"

    def witnessed(self) -> list[list[str]]:
        """Effects so far, as pairs of tool and key."""
        if not self._witness.exists():
            return []
        return [json.loads(line) for line in self._witness.read_text().splitlines()]

    # --- the model ------------------------------------------------------------------------

    def answer(self, messages: Sequence[dict[str, Any]]) -> str | list[str]:
        """The model's answer: a text, or the names of the tools to call.

        Raises:
            ModelRefuses: calls without results, or results without calls.
        """
        problem = _illegal(messages)
        line = {"life": self.number, "messages": list(messages), "refused": problem}
        with (self.folder / "requests.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        if problem:
            raise ModelRefuses(f"400: {problem}")
        last = messages[-1]
        if last["role"] == "tool" and self.dies == "model":
            time.sleep(self.grace_s)
            _die()
        if last["role"] == "user" and last["text"] == PROMPT:
            return list(TOOLS)
        return ANSWER


def _illegal(messages: Sequence[dict[str, Any]]) -> str:
    """Why a provider would refuse these messages; empty if it would not."""
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["id"] not in open_calls:
                return f"a tool result without its call: {message['id']}"
            open_calls.discard(message["id"])
            continue
        if open_calls:
            return f"tool calls without a result: {', '.join(sorted(open_calls))}"
        if message["role"] == "assistant":
            open_calls = {call["id"] for call in message["calls"]}
    if open_calls:
        return f"tool calls without a result: {', '.join(sorted(open_calls))}"
    return "" if messages else "no messages"


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the signal is on its way
