"""Words of a command as the shell would read them, as far as the text tells."""

import re
from dataclasses import dataclass

from mentra_actors.tools.shell_review.grammar import SyntaxNode
from mentra_actors.tools.shell_review.name_lists import names_of

__all__ = ["WORD_NODES", "Word", "ansi_text", "plain_words", "word_of", "words_of"]

WORD_NODES = names_of(
    """
    word string raw_string ansi_c_string number concatenation simple_expansion expansion
    command_substitution process_substitution arithmetic_expansion brace_expression
    translated_string
    """
)
"""Nodes of the grammar that are words of a command."""

_PATTERN = frozenset("*?[")
_QUOTED_PARTS = re.compile(r"""'([^']*)'|"([^"$`\\!]*)"|([\w@%+=:,./-]+)""", re.ASCII)
_PLAIN_COMMAND = re.compile(
    r"""(?:[ \t]|'[^']*'|"[^"$`\\!]*"|[\w@%+=:,./-])+""",
    re.ASCII,
)
_KEYWORDS = names_of(
    """
    case coproc do done elif else esac fi for function if in select then time until while
    """
)
_ANSI = re.compile(
    r"\\(?:([abeEfnrtv\\'\"?])|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})"
    r"|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|c(.))",
    re.DOTALL,
)
_ANSI_LETTERS = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_LAST_CHARACTER = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Word:
    """A word. `shown` is without quotes; parts that only the shell knows stand as written.

    `prefix` is what it surely begins with. A word that `is_exact` is one word, and `shown`.
    """

    shown: str
    is_exact: bool = True
    prefix: str = ""

    @property
    def may_be_option(self) -> bool:
        """Whether it could begin with a dash."""
        known = self.shown if self.is_exact else self.prefix
        return known.startswith("-") if known else not self.is_exact


@dataclass(frozen=True, slots=True)
class _Part:
    shown: str
    is_exact: bool = True
    prefix: str | None = None
    splits: bool = False


def words_of(node: SyntaxNode) -> tuple[Word, ...]:
    """The words that one argument of the tree makes: several, if it has braces."""
    word = word_of(node)
    if word.is_exact or "{" not in word.shown or "${" in word.shown:
        return (word,)
    pieces = [piece for piece in re.split(r"[{},]", word.shown) if piece]
    return (word, *(Word(piece, is_exact=False) for piece in pieces))


def word_of(node: SyntaxNode) -> Word:
    """One argument, command name, value or target of the tree as a word."""
    parts = _parts(node)
    shown = "".join(part.shown for part in parts)
    if all(part.is_exact for part in parts) and not _has_braces(node):
        return Word(shown)
    if any(part.splits for part in parts) or _has_braces(node):
        return Word(shown, is_exact=False)
    prefix = ""
    for part in parts:
        if not part.is_exact:
            prefix += part.prefix or ""
            break
        prefix += part.shown
    return Word(shown, is_exact=False, prefix=prefix)


def _has_braces(node: SyntaxNode) -> bool:
    """Whether the shell might make several words of it."""
    parts = [node, *node.children, *(one for child in node.children for one in child.children)]
    if any(part.type == "brace_expression" for part in parts):
        return True
    bare = "".join(part.text.decode() for part in parts if part.type in {"word", "{", "}"})
    return "{" in bare and ("," in bare or ".." in bare)


def _parts(node: SyntaxNode) -> list[_Part]:
    if node.type in {"concatenation", "command_name"} and node.children:
        return [part for child in node.children for part in _parts(child)]
    reader = _READERS.get(node.type)
    text = node.text.decode()
    return [reader(text, node)] if reader else [_Part(text, is_exact=False, splits=True)]


def _bare(text: str, _node: SyntaxNode) -> _Part:
    shown, pattern = "", None
    characters = iter(text)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            shown += "" if escaped == "\n" else escaped
            continue
        if character in _PATTERN and pattern is None:
            pattern = len(shown)
        shown += character
    if pattern is not None:
        return _Part(shown, is_exact=False, prefix=shown[:pattern])
    if text.startswith("~") or re.search(r"[=:]~", text):
        return _Part(shown, is_exact=False, prefix=shown)
    return _Part(shown)


def _quoted(text: str, node: SyntaxNode) -> _Part:
    known = node.named_children
    if all(child.type == "string_content" for child in known):
        return _Part(_unescaped(text[1:-1]))
    begin = node.children[0].end_byte
    inexact = next(child for child in known if child.type != "string_content")
    before = node.text[begin - node.start_byte : inexact.start_byte - node.start_byte].decode()
    several = any("@" in child.text.decode() for child in known)
    return _Part(_unescaped(text[1:-1]), is_exact=False, prefix=_unescaped(before), splits=several)


def _unescaped(text: str) -> str:
    text = text.replace("\\\n", "")
    return re.sub(r'\\([$`"\\])', r"\1", text)


def _raw(text: str, _node: SyntaxNode) -> _Part:
    return _Part(text[1:-1])


def _ansi(text: str, _node: SyntaxNode) -> _Part:
    return _Part(ansi_text(text[2:-1]))


def ansi_text(text: str) -> str:
    """What the shell makes of the inside of `$'…'`."""
    return _ANSI.sub(_ansi_character, text).partition("\0")[0]


def _ansi_character(match: re.Match[str]) -> str:
    letter, hexadecimal, short, long, octal, control = match.groups()
    if letter:
        return _ANSI_LETTERS.get(letter, letter)
    if control:
        return chr(ord(control) & 0x1F)
    digits = hexadecimal or short or long
    code = int(digits, 16) if digits else int(octal, 8)
    return chr(code) if code <= _LAST_CHARACTER else match.group()


def _number(text: str, _node: SyntaxNode) -> _Part:
    return _Part(text)


_READERS = {
    "word": _bare,
    "variable_name": _number,
    "number": _number,
    "string": _quoted,
    "raw_string": _raw,
    "ansi_c_string": _ansi,
    "{": _number,
    "}": _number,
    "test_operator": _number,
    "extglob_pattern": _bare,
}


def plain_words(command: str) -> tuple[str, ...]:
    """The words of a command of plain and quoted words, read without the grammar; else none."""
    if not _PLAIN_COMMAND.fullmatch(command):
        return ()
    words, current, end = [], "", 0
    for match in _QUOTED_PARTS.finditer(command):
        if match.start() > end and end:
            words.append(current)
            current = ""
        current += "".join(part for part in match.groups() if part)
        end = match.end()
    words.append(current)
    first = command.split(maxsplit=1)[0]
    if re.match(r"\w+\+?=", first, re.ASCII) or first in _KEYWORDS:
        return ()
    return tuple(words)
