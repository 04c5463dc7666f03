"""What a remembered rule speaks of, as data, and what can be remembered of a call. Pure.

A rule that allows must be sure of the whole call: of every path, of the one command that there is.
A rule that refuses holds as soon as a part of the call is what it names.
"""

import contextlib
import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias, assert_never

import msgspec

from mentra_actors.json_types import Json, JsonObject

__all__ = [
    "MAX_PATTERN_CHARS",
    "AnyCall",
    "BelowFolder",
    "CommandPrefix",
    "ExactCall",
    "InputPattern",
    "RuleMatch",
    "RuleOffer",
    "ShownCall",
    "call_text",
    "exact_match",
    "fits_wildcards",
    "has_text",
    "match_fault",
    "match_words",
    "rule_offers",
    "shown_call",
    "speaks_of",
]

MAX_PATTERN_CHARS = 2000
_SHOWN_CHARS = 200
_COMMAND_KINDS = frozenset({"shell", "background_run"})


class AnyCall(msgspec.Struct, frozen=True, tag="any"):
    """Every call of the tool."""


class ExactCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="exact"):
    """Calls whose preview is the same. `digest` is SHA-256 of its text; `shown` is for people."""

    digest: str
    shown: str = ""


class InputPattern(msgspec.Struct, frozen=True, tag="pattern"):
    """Calls whose text (`call_text`) fits the pattern as a whole; see `fits_wildcards`.

    It knows no paths: `*"path":"/w/*` also fits `/w/../x`, and a batch with one path below `/w`.
    To allow paths is for `BelowFolder`.
    """

    pattern: str


class CommandPrefix(msgspec.Struct, frozen=True, tag="command"):
    """Calls that are exactly one simple command, and begin with these words."""

    words: tuple[str, ...]


class BelowFolder(msgspec.Struct, frozen=True, tag="folder"):
    """Calls that touch paths at or below this folder, and no other ones.

    A permission speaks of no command: which paths one touches its text does not tell. A refusal
    speaks of those that name a path below the folder.
    """

    folder: str


RuleMatch: TypeAlias = AnyCall | ExactCall | InputPattern | CommandPrefix | BelowFolder


class ShownCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call as rules see it.

    `structured` is its preview, None where there is none. `is_by_tool` says that the tool has
    made it: what a model writes into its arguments names no command and no path.
    """

    tool: str
    structured: Json | None = None
    is_by_tool: bool = False


class RuleOffer(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may be remembered of a call, and in words."""

    match: RuleMatch
    words: str


def has_text(value: object) -> bool:
    """True if JSON can say a value: it has no word for numbers that are too large."""
    if isinstance(value, Mapping):
        return all(has_text(one) for one in value.values())
    if isinstance(value, list | tuple):
        return all(has_text(one) for one in value)
    return not isinstance(value, float) or math.isfinite(value)


def shown_call(tool: str, preview: str, *, is_by_tool: bool) -> ShownCall:
    """A call from the JSON text of its preview; one that cannot be read has no preview."""
    structured: dict[str, object] | None = None
    with contextlib.suppress(msgspec.DecodeError, RecursionError):
        structured = msgspec.json.decode(preview.strip() or "{}", type=JsonObject)
    return ShownCall(tool=tool, structured=structured, is_by_tool=is_by_tool)


def call_text(structured: Mapping[str, object]) -> str:
    """The text that patterns are matched against: JSON without spaces, its keys in order."""
    return msgspec.json.encode(structured, order="deterministic").decode()


def speaks_of(match: RuleMatch, call: ShownCall, *, allow: bool) -> bool:
    """True if a rule with this match speaks of the call; `allow` is what the rule says."""
    structured = call.structured
    if isinstance(match, AnyCall):
        return True
    if structured is None:
        return False
    match match:
        case ExactCall(digest=digest):
            return _digest(structured) == digest
        case InputPattern(pattern=pattern):
            return fits_wildcards(pattern, call_text(structured))
        case CommandPrefix(words=words):
            return call.is_by_tool and _simple_words(structured)[: len(words)] == words
        case BelowFolder(folder=folder):
            return call.is_by_tool and _is_below(folder, structured, allow=allow)
        case _:
            assert_never(match)


def match_fault(match: RuleMatch) -> str:
    """Why nothing could be meant by a match; empty if it is sound."""
    match match:
        case AnyCall():
            return ""
        case ExactCall(digest=digest):
            return "" if digest else "an exact call has a digest"
        case InputPattern(pattern=pattern):
            is_long = len(pattern) > MAX_PATTERN_CHARS
            return f"a pattern has at most {MAX_PATTERN_CHARS} characters" if is_long else ""
        case CommandPrefix(words=words):
            return "" if words and words[0] else "a command begins with at least one word"
        case BelowFolder(folder=folder):
            return "" if folder.startswith("/") else f"a folder is a whole path, not {folder!r}"
        case _:
            assert_never(match)


def match_words(match: RuleMatch, tool: str) -> str:
    """A match in words for people."""
    match match:
        case AnyCall():
            return f"every call of `{tool}`"
        case ExactCall(shown=shown):
            return f"exactly this call: {shown}" if shown else "exactly one call"
        case InputPattern(pattern=pattern):
            return f"calls like {pattern}"
        case CommandPrefix(words=words):
            return f"commands that begin with `{' '.join(words)}`"
        case BelowFolder(folder=folder):
            return f"below {folder}"
        case _:
            assert_never(match)


def rule_offers(call: ShownCall) -> tuple[RuleOffer, ...]:
    """What a person may remember of a call, the narrowest first."""
    matches = [*_narrow_matches(call), AnyCall()]
    return tuple(RuleOffer(match=one, words=match_words(one, call.tool)) for one in matches)


def exact_match(call: ShownCall) -> ExactCall | None:
    """What means exactly this call; None if it has no preview to know it by."""
    if call.structured is None:
        return None
    text = call_text(call.structured)
    shown = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
    return ExactCall(digest=_digest(call.structured), shown=shown)


def _narrow_matches(call: ShownCall) -> Iterator[RuleMatch]:
    exact, structured = exact_match(call), call.structured
    if exact is None or structured is None:
        return
    yield exact
    if not call.is_by_tool:
        return
    words = _words_in(structured, "offered_words")
    if words and _simple_words(structured)[: len(words)] == words:
        yield CommandPrefix(words)
    touched = _touched(structured)
    folder = _common_folder(touched.paths) if touched.is_whole else ""
    if folder:
        yield BelowFolder(folder)


def _digest(structured: Mapping[str, object]) -> str:
    return hashlib.sha256(call_text(structured).encode()).hexdigest()


# --- patterns ---------------------------------------------------------------------------------


def fits_wildcards(pattern: str, text: str) -> bool:
    """True if the whole text fits.

    `*` and `**` are any run of characters, `/` among them, `?` is one character, everything else
    is itself. Each part between stars is looked for once, from left to right: nothing is tried
    twice.
    """
    parts = _parts(pattern)
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return first[0].fullmatch(text) is not None
    end = len(text) - last[1]
    if end < first[1] or not first[0].match(text) or not last[0].match(text, end):
        return False
    at = first[1]
    for expression, _ in parts[1:-1]:
        found = expression.search(text, at, end)
        if found is None:
            return False
        at = found.end()
    return True


@lru_cache(maxsize=256)
def _parts(pattern: str) -> Sequence[tuple[re.Pattern[str], int]]:
    """What stands between the stars, with its length."""
    parts = re.split(r"\*+", pattern)
    return [(re.compile(_literally(part), re.DOTALL), len(part)) for part in parts]


def _literally(part: str) -> str:
    return ".".join(re.escape(one) for one in part.split("?"))


# --- commands ---------------------------------------------------------------------------------


def _is_command(structured: Mapping[str, object]) -> bool:
    kind = structured.get("kind")
    return "simple_words" in structured or (isinstance(kind, str) and kind in _COMMAND_KINDS)


def _simple_words(structured: Mapping[str, object]) -> tuple[str, ...]:
    """The words of the one simple command that a call is; empty if it is anything else."""
    return _words_in(structured, "simple_words")


def _words_in(structured: Mapping[str, object], field: str) -> tuple[str, ...]:
    words = structured.get(field)
    if not isinstance(words, list | tuple) or not all(isinstance(one, str) for one in words):
        return ()
    return tuple(words)


# --- paths ------------------------------------------------------------------------------------


def _is_below(folder: str, structured: Mapping[str, object], *, allow: bool) -> bool:
    touched, above = _touched(structured), _components(folder)
    hits = [_components(path)[: len(above)] == above for path in touched.paths]
    if not allow:
        return any(hits)
    return touched.is_whole and bool(hits) and all(hits)


class _Touched(NamedTuple):
    """Paths that a call would touch; not `is_whole` where these may not be all of them."""

    paths: tuple[str, ...]
    is_whole: bool = True


def _touched(structured: Mapping[str, object]) -> _Touched:
    """What the fields `resolved_…` of a call say, and those of each of its `operations`.

    Of a command these are the paths that its text names; it may touch any other one besides.
    """
    own, operations = _touched_by(structured), structured.get("operations", ())
    if _is_command(structured) or not isinstance(operations, list | tuple):
        return _Touched(own.paths, is_whole=False)
    each = [_touched_by(one) if isinstance(one, Mapping) else _Touched(()) for one in operations]
    is_whole = own.is_whole and all(one.paths and one.is_whole for one in each)
    return _Touched(own.paths + tuple(path for one in each for path in one.paths), is_whole)


def _touched_by(fields: Mapping[str, object]) -> _Touched:
    values = [v for name, v in fields.items() if name.startswith("resolved_") and v is not None]
    listed = [one for one in values if isinstance(one, list | tuple)]
    single = [one for one in values if not isinstance(one, list | tuple)]
    each = [*single, *(path for one in listed for path in one)]
    paths = tuple(one for one in each if _is_path(one))
    return _Touched(paths, is_whole=len(paths) == len(each))


def _is_path(value: object) -> bool:
    return isinstance(value, str) and value.startswith("/")


def _components(path: str) -> tuple[str, ...]:
    """The names in a path, without `.`, with `..` taken back."""
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            del names[-1:]
        elif name not in ("", "."):
            names.append(name)
    return tuple(names)


def _common_folder(paths: Sequence[str]) -> str:
    """The innermost folder that holds all paths; empty if that is the root, or there are none."""
    folders = [_components(path)[:-1] for path in paths]
    if not folders:
        return ""
    common = folders[0]
    for one in folders[1:]:
        same = [a == b for a, b in zip(common, one, strict=False)]
        common = common[: same.index(False) if False in same else len(same)]
    return "/" + "/".join(common) if common else ""
