"""Variables: those that change what programs do, and those that don't."""

import re

from mentra_actors.tools.shell_review.name_lists import names_of
from mentra_actors.tools.shell_review.verdict import Opinion
from mentra_actors.tools.shell_review.words import Word

__all__ = ["assignment_opinion", "is_own_name"]

_PLAIN_VALUES = re.compile(r"[A-Za-z0-9_.:@+-]*", re.ASCII)
_HARMLESS = names_of(
    """
    LANG LANGUAGE LC_ALL LC_CTYPE LC_COLLATE LC_MESSAGES LC_NUMERIC LC_TIME TZ NO_COLOR
    FORCE_COLOR CLICOLOR CLICOLOR_FORCE TERM COLUMNS LINES CI DEBUG RUST_BACKTRACE RUST_LOG
    PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONHASHSEED
    """
)
_OWN_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_KNOWN_TO_PROGRAMS = re.compile(
    r".*_proxy|npm_config_.*|cdpath|fpath|histchars|manpath|module_path|path"
)
_PAGERS = frozenset({"PAGER", "GIT_PAGER", "MANPAGER"})


def is_own_name(name: str) -> bool:
    """Whether a variable is one of the text itself: programs read no such ones."""
    return bool(_OWN_NAME.fullmatch(name)) and not _KNOWN_TO_PROGRAMS.fullmatch(name)


def assignment_opinion(name: str, value: Word, *, is_exported: bool = False) -> Opinion:
    """What setting a variable may do; its value has been looked at elsewhere."""
    if is_own_name(name.partition("[")[0]) and not is_exported:
        return Opinion()
    if name in _PAGERS and value.is_exact and value.shown in {"", "cat"}:
        return Opinion()
    is_plain = value.is_exact and bool(_PLAIN_VALUES.fullmatch(value.shown))
    if is_plain and (name in _HARMLESS or is_own_name(name)):
        return Opinion()
    return Opinion("unknown", reason=f"the variable {name} may change what programs do")
