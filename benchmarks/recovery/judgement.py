"""What a kill has cost: judged by the witness file and by what the model is shown afterwards.

* *twice*: effects that the world has seen more than once, each further time counts;
* *lost*: calls that had finished, and whose result the next request does not hold;
* *untold*: calls that were interrupted, and of which the next request says nothing true: neither
  the result, nor that the call was interrupted or its outcome is unknown;
* *bricked*: the conversation raises, and raises again whatever is tried. Nothing else is counted
  then, since there is no next request.

A fault counts once. Results are the same text at each run of a tool, so a call that was repeated
is not counted as lost as well.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec

from benchmarks.recovery.world import TOOLS, result_of

__all__ = ["DoesNotPlay", "Faults", "Request", "faults_of", "requests_in", "witnessed_in"]

_UNKNOWN = re.compile(r"unknown|interrupt|may or may not|no result was recorded", re.IGNORECASE)
"""How a framework may say that it does not know; nothing that is said here is missed by it."""


class DoesNotPlay(Exception):
    """A contestant does not keep to README.md; the message says where."""


@dataclass(frozen=True)
class Faults:
    """How often each of the four things has happened."""

    twice: int = 0
    lost: int = 0
    untold: int = 0
    bricked: int = 0

    def __add__(self, other: "Faults") -> "Faults":
        return Faults(
            self.twice + other.twice,
            self.lost + other.lost,
            self.untold + other.untold,
            self.bricked + other.bricked,
        )

    def __str__(self) -> str:
        said = [f"{count} {name}" for name, count in vars(self).items() if count]
        return ", ".join(said).replace("1 bricked", "bricked") or "ok"


@dataclass(frozen=True)
class Request:
    """What the model was shown in one call, by which life."""

    life: int
    messages: Sequence[dict[str, Any]]
    refused: str = ""

    def told_of(self, tool: str) -> str:
        """What the model is told of the call of a tool; empty if nothing."""
        asked = [call for one in self.messages for call in one.get("calls", ())]
        ids = {call["id"] for call in asked if call["name"] == tool}
        return "\n".join(
            one["text"] for one in self.messages if one["role"] == "tool" and one["id"] in ids
        )


class _CallLine(TypedDict):
    id: str
    name: str


class _MessageLine(TypedDict):
    role: str
    text: str
    calls: NotRequired[list[_CallLine]]
    id: NotRequired[str]


class _RequestLine(TypedDict):
    life: int
    messages: list[_MessageLine]
    refused: NotRequired[str]


def faults_of(
    request: Request | None,
    witnessed: Counter[str],
    *,
    finished: Iterable[str],
    interrupted: Iterable[str],
) -> Faults:
    """The faults of one kill; without a request the conversation is bricked."""
    twice = sum(count - 1 for count in witnessed.values() if count > 1)
    if request is None:
        return Faults(twice=twice, bricked=1)
    return Faults(
        twice=twice,
        lost=sum(result_of(tool) not in request.told_of(tool) for tool in finished),
        untold=sum(
            not _is_true(request.told_of(tool), tool, has_happened=witnessed[tool] > 0)
            for tool in interrupted
        ),
    )


def _is_true(told: str, tool: str, *, has_happened: bool) -> bool:
    return bool(_UNKNOWN.search(told)) or (has_happened and result_of(tool) in told)


def requests_in(folder: Path, *, life: int = 0) -> list[Request]:
    """What the model was asked, in order; by one life, or (0) by all.

    Raises:
        DoesNotPlay: a line is not as README.md says.
    """
    lines = _lines_of(folder / "requests.jsonl", _RequestLine)
    requests = [Request(**line) for line in lines]
    return [one for one in requests if life in (0, one.life)]


def witnessed_in(folder: Path) -> Counter[str]:
    """How often the world has seen the effect of each tool.

    Raises:
        DoesNotPlay: a line is not as README.md says.
    """
    seen = Counter(dict.fromkeys(TOOLS, 0))
    seen.update(tool for tool, _id in _lines_of(folder / "witness.jsonl", tuple[str, Any]))
    return seen


def _lines_of(file: Path, kind: Any) -> list[Any]:
    lines = file.read_bytes().splitlines() if file.exists() else []
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(msgspec.json.decode(line, type=kind))
        except msgspec.DecodeError as error:
            raise DoesNotPlay(f"line {number} of {file.name} is wrong: {error}") from None
    return found
