"""Names and ids of calls in the letters and the length that the next server takes.

An agent may change its model, and one server's names and ids are refused by another. A call and
its result get their words from the same functions, so they stay a pair.
"""

import hashlib
import re

from mentra_actors.domain.content import ToolCallBlock, ToolResultBlock

__all__ = ["called_name", "short_id", "strict_id"]

_NOT_IN_WORDS = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST = 64
_DIGEST_BYTES = 4


def called_name(block: ToolCallBlock | ToolResultBlock) -> str:
    """The name of the tool in the form in which every server takes it; tools of ours have it."""
    return _fitting(block.name or block.kind, _NOT_IN_WORDS.sub("_", block.name or block.kind))


def strict_id(call_id: str) -> str:
    """The id of a call for a server that takes only letters, digits, `_` and `-`."""
    return _fitting(call_id, _NOT_IN_WORDS.sub("_", call_id)) or "call"


def short_id(call_id: str, longest: int = _LONGEST) -> str:
    """The id of a call for a server that takes any letters, and not too many."""
    return _fitting(call_id, call_id, longest) or "call"


def _fitting(original: str, cleaned: str, longest: int = _LONGEST) -> str:
    """The original where it fits; else the cleaned one, told from others by a digest."""
    if cleaned == original and len(original) <= longest:
        return original
    content = original.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()
    return f"{cleaned[: longest - len(digest) - 1]}_{digest}"
