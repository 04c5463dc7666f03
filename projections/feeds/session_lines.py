"""Calls and results on one line, for a chat."""

import json
from collections.abc import Mapping

__all__ = ["call_summary", "one_line", "result_summary"]

MOST_SUMMARY_BYTES = 160
MOST_RESULT_BYTES = 200
MOST_HINT_BYTES = 100
MOST_INPUT_BYTES = 60

_HINTS = ("command", "path", "file_path")


def call_summary(tool: str, arguments: str) -> str:
    """A call on one line: the tool with its command or path, else with its arguments.

    A model may have written anything; whatever it is, there is a line to show.
    """
    try:
        decoded = json.loads(arguments)
    except (ValueError, RecursionError):
        decoded = None
    if isinstance(decoded, Mapping):
        hints = [decoded[name] for name in _HINTS if isinstance(decoded.get(name), str)]
        if hints:
            return one_line(f"{tool}: {one_line(hints[0], MOST_HINT_BYTES)}", MOST_SUMMARY_BYTES)
    return one_line(f"{tool}({one_line(arguments, MOST_INPUT_BYTES)})", MOST_SUMMARY_BYTES)


def result_summary(content: str) -> str:
    """The beginning of a result."""
    return one_line(content, MOST_RESULT_BYTES)


def one_line(text: str, most_bytes: int) -> str:
    """The beginning of a text on one line; whole characters, and none that JSON cannot carry."""
    encoded = " ".join(text.split()).encode("utf-8", "replace")
    if len(encoded) <= most_bytes:
        return encoded.decode()
    return encoded[: most_bytes - 3].decode(errors="ignore") + "..."
