"""A Google-style docstring, taken apart: what a tool does, and what its parameters mean."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Docstring", "parse_docstring"]

_HEADING = re.compile(r"(Args|Arguments|Parameters):\s*")
_PARAMETER = re.compile(r"\*{0,2}(?P<name>\w+)\s*(\([^)]*\))?:\s*(?P<text>.*)")


@dataclass(frozen=True, slots=True)
class Docstring:
    """`description` has no `Args:` section; `parameters` has one text per described name."""

    description: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_docstring(text: str | None) -> Docstring:
    """Take a docstring apart; None and blank text give an empty one."""
    lines = inspect.cleandoc(text or "").splitlines()
    start = next((at for at, line in enumerate(lines) if _HEADING.fullmatch(line)), len(lines))
    end = next(
        (at for at in range(start + 1, len(lines)) if lines[at] and not lines[at][0].isspace()),
        len(lines),
    )
    before, after = "\n".join(lines[:start]).strip(), "\n".join(lines[end:]).strip()
    description = "\n\n".join(part for part in (before, after) if part)
    return Docstring(description, _parameters(lines[start + 1 : end]))


def _parameters(lines: list[str]) -> dict[str, str]:
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    base = min(indents, default=0)
    parameters: dict[str, str] = {}
    name = ""
    for line in lines:
        entry = _PARAMETER.fullmatch(line.strip()) if line[base : base + 1].strip() else None
        if entry is not None:
            name = entry["name"]
            parameters[name] = entry["text"].strip()
        elif name and line.strip():
            parameters[name] = f"{parameters[name]} {line.strip()}".strip()
    return parameters
