"""The bash grammar: a library that is imported when the first command is reviewed."""

import importlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["MAX_COMMAND_BYTES", "ParsedText", "SyntaxNode", "parse_text"]

MAX_COMMAND_BYTES = 64 * 1024
"""Longer commands are not parsed."""

_MAX_NODES = 5_000
_MAX_DEPTH = 100
_HOW_TO_INSTALL = (
    "commands are reviewed with a grammar that is not installed here: "
    "pip install 'mentra-actors[shell]'"
)


class SyntaxNode(Protocol):
    """What is read of a part of a shell text; the library's own nodes have it."""

    @property
    def id(self) -> int:
        """A number that no other node of the tree has."""
        ...

    @property
    def type(self) -> str:
        """The name that the grammar gives to such a part."""
        ...

    @property
    def text(self) -> bytes:
        """All that stands in it, the whole text being bytes."""
        ...

    @property
    def start_byte(self) -> int:
        """Where it begins in the whole text."""
        ...

    @property
    def end_byte(self) -> int:
        """The place after its last byte."""
        ...

    @property
    def is_named(self) -> bool:
        """False for a mere sign, such as a bracket."""
        ...

    @property
    def is_missing(self) -> bool:
        """True if the library only thinks that it should be there."""
        ...

    @property
    def is_error(self) -> bool:
        """True if it fits nothing that the grammar knows."""
        ...

    @property
    def has_error(self) -> bool:
        """True if it is an error, or something in it is."""
        ...

    @property
    def children(self) -> Sequence["SyntaxNode"]:
        """Its parts in their order."""
        ...

    @property
    def named_children(self) -> Sequence["SyntaxNode"]:
        """Those of its parts that are no mere signs."""
        ...


@dataclass(frozen=True, slots=True)
class ParsedText:
    """A tree, or why there is none. `nodes` are all of it, each before what is in it.

    `parents` are by the id of a node: the library looks for one from the root each time.
    """

    root: SyntaxNode | None = None
    nodes: tuple[SyntaxNode, ...] = ()
    parents: Mapping[int, SyntaxNode] = field(default_factory=dict)
    fault: str = ""


def parse_text(text: str) -> ParsedText:
    """The tree of a shell text. Any thread; the first call imports the grammar."""
    fault = _text_fault(text)
    if fault:
        return ParsedText(fault=fault)
    try:
        library = importlib.import_module("tree_sitter")
        bash = importlib.import_module("tree_sitter_bash")
    except ImportError:
        return ParsedText(fault=_HOW_TO_INSTALL)
    root = library.Parser(library.Language(bash.language())).parse(text.encode()).root_node
    if root.descendant_count > _MAX_NODES:
        return ParsedText(fault="the command has too many parts to be reviewed")
    return _walked(root)


def _walked(root: SyntaxNode) -> ParsedText:
    nodes: list[SyntaxNode] = []
    parents: dict[int, SyntaxNode] = {}
    open_nodes = [(root, 0)]
    while open_nodes:
        node, depth = open_nodes.pop()
        if depth > _MAX_DEPTH:
            return ParsedText(fault="the command is nested too deeply to be reviewed")
        nodes.append(node)
        parents.update((child.id, node) for child in node.children)
        open_nodes.extend((child, depth + 1) for child in reversed(node.children))
    return ParsedText(root=root, nodes=tuple(nodes), parents=parents)


def _text_fault(text: str) -> str:
    if len(text) > MAX_COMMAND_BYTES:
        return "the command is too long to be reviewed"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "the command is no valid Unicode text"
    if size > MAX_COMMAND_BYTES:
        return "the command is too long to be reviewed"
    odd = next((character for character in text if _is_odd(character)), None)
    if odd is not None:
        return f"the command holds the invisible character U+{ord(odd):04X}"
    return ""


def _is_odd(character: str) -> bool:
    """Whether shells and people may see different things in it."""
    if character in " \t\n" or " " < character <= "~":
        return False
    return unicodedata.category(character) in {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"}
