"""Where the tree of the grammar may say something else than what a shell does.

Commands run in `/bin/sh`, which is bash on one machine and dash on another: what these two read
differently is not known. And the grammar is more tolerant than both. So a tree is only believed
if each byte of the text is in it, words are parted by blanks, and each kind of node is known.
"""

import re
from collections.abc import Callable
from itertools import pairwise

from mentra_actors.tools.shell_review.grammar import ParsedText, SyntaxNode
from mentra_actors.tools.shell_review.name_lists import names_of
from mentra_actors.tools.shell_review.words import WORD_NODES

__all__ = ["tree_fault"]

_KNOWN_NODES = names_of(
    """
    program command command_name word string string_content raw_string ansi_c_string number
    concatenation simple_expansion expansion variable_name special_variable_name
    command_substitution process_substitution redirected_statement file_redirect
    file_descriptor heredoc_redirect heredoc_start heredoc_body heredoc_content heredoc_end
    herestring_redirect pipeline list negated_command subshell compound_statement
    function_definition if_statement elif_clause else_clause while_statement for_statement
    do_group case_statement case_item extglob_pattern variable_assignment
    variable_assignments array subscript declaration_command unset_command test_command
    unary_expression binary_expression parenthesized_expression test_operator
    arithmetic_expansion comment brace_expression regex translated_string
    c_style_for_statement postfix_expression ternary_expression
    """
)
_WORDS = WORD_NODES | {"command_name", "variable_assignment", "variable_name"}
_IN_COMMANDS = _WORDS | {"file_redirect", "herestring_redirect", "==", "=~", "$"}
_ONE_LINE = names_of(
    """
    command declaration_command unset_command test_command file_redirect binary_expression
    unary_expression variable_assignments redirected_statement
    """
)
_NOT_IN_WORDS = re.compile(r"(?<!\\)(?:\\\\)*[ \t\n;&|<>()`\"']")
_SUBSTITUTION = re.compile(rb"(?<!\\)(?:\\\\)*(?:`|\$[({\[])")
_LITERAL = frozenset({"raw_string", "ansi_c_string", "comment", "heredoc_body", "heredoc_start"})
_LOOSE = frozenset({"heredoc_body", "string"})
"""Nodes with text of their own between their parts."""
_GAP = re.compile(r"(?:[ \t\n]|\\\n)*")
_BLANK = re.compile(r"[ \t]")
_BEFORE_COMMENT = re.compile(rb"|[ \t\n;&|()]")
_NUMBER = re.compile(rb"(?:^|[ \t\n;&|()])[0-9]+$")
_PLAIN_END = re.compile(r"[A-Za-z0-9_]+|'[^'\\$`\n]*'|\"[^\"\\$`\n]*\"")
_QUOTES = frozenset({"string", "raw_string", "ansi_c_string", "command_substitution", "expansion"})


def tree_fault(tree: ParsedText) -> str:
    """Why the tree is not to be believed; empty if it is."""
    root = tree.root
    if root is None:
        return tree.fault
    text = root.text
    if root.has_error:
        return "the command is no shell text that could be understood"
    for node in tree.nodes:
        fault = _node_fault(node, tree.parents.get(node.id, root))
        if node.type == "comment" and not _BEFORE_COMMENT.fullmatch(_byte_before(node, text)):
            fault = "what seems a comment is none"
        if node.type == "file_redirect" and _is_numbered(node, text):
            fault = "a number before a redirect is no word"
        if fault:
            return fault
    return _gap_fault(tree, text)


def _is_numbered(node: SyntaxNode, text: bytes) -> bool:
    """Whether shells read digits before it as its number, and the grammar as a word."""
    before = bytes(text[max(0, node.start_byte - 20) : node.start_byte])
    return bool(_NUMBER.search(before)) and node.children[0].type != "file_descriptor"


def _byte_before(node: SyntaxNode, text: bytes) -> bytes:
    return bytes(text[node.start_byte - 1 : node.start_byte]) if node.start_byte else b""


def _node_fault(node: SyntaxNode, parent: SyntaxNode) -> str:
    if node.is_missing or node.is_error:
        return "the command is no shell text that could be understood"
    if node.is_named and node.type not in _KNOWN_NODES:
        return f"the command holds a construct that is not reviewed: {node.type}"
    check = _CHECKS.get(node.type)
    if check and (fault := check(node, parent)):
        return fault
    if not node.children and node.is_named and _runs_unseen(node.type, node.text):
        return "a part holds a command that is not seen"
    if node.type == "command" and any(one.type not in _IN_COMMANDS for one in node.children):
        return "a command holds what is no word"
    return _parting_fault(node) if node.type in _ONE_LINE else ""


def _runs_unseen(kind: str, text: bytes) -> bool:
    return kind not in _LITERAL and bool(_SUBSTITUTION.search(text))


def _parting_fault(node: SyntaxNode) -> str:
    """Words that are parted by no blank, or by a line end, are not what they seem."""
    text = node.text
    for one, following in pairwise(node.children):
        gap = text[one.end_byte - node.start_byte : following.start_byte - node.start_byte]
        between = gap.decode()
        if "heredoc" in one.type or "heredoc" in following.type:
            continue
        if "\n" in between.replace("\\\n", ""):
            return "a line ends where the command seems to go on"
        if between and not _BLANK.search(between):
            return "a word goes on in the next line"
        if not between and one.type in _WORDS and _begins_word(following):
            return "two words stand without a blank between them"
    return ""


def _begins_word(node: SyntaxNode) -> bool:
    is_numbered = node.type == "file_redirect" and node.children[0].type == "file_descriptor"
    return node.type in _WORDS or is_numbered


def _gap_fault(tree: ParsedText, text: bytes) -> str:
    """All text that is in no leaf is blank, but for a lone dash that the grammar leaves out.

    Between the parts of a string or of a here-document is its own text; within these parts the
    rule holds as everywhere.
    """
    end, loose_end = 0, 0
    for node in tree.nodes:
        if node.start_byte >= loose_end:
            end = max(end, loose_end)
        if node.type in _LOOSE and node.children:
            loose_end = max(loose_end, node.end_byte)
        if _is_part_of_loose(node, tree):
            end = max(end, node.start_byte)
        if node.children:
            continue
        gap = text[end : node.start_byte].decode(errors="replace")
        is_dash = node.text == b"<<" and gap.strip(" \t") == "-" and gap[:1] in {" ", "\t"}
        if not (is_dash or _GAP.fullmatch(gap)):
            return "a part is not understood"
        end = max(end, node.end_byte)
    rest = text[max(end, loose_end) :].decode(errors="replace")
    return "" if _GAP.fullmatch(rest) else "a part is not understood"


def _is_part_of_loose(node: SyntaxNode, tree: ParsedText) -> bool:
    parent = tree.parents.get(node.id)
    return parent is not None and parent.type in _LOOSE


def _word(node: SyntaxNode, _parent: SyntaxNode) -> str:
    text = node.text.decode()
    if _NOT_IN_WORDS.search(text) or text.endswith("\\") or "\\\n" in text:
        return "a word holds what would end it"
    return ""


def _ansi(node: SyntaxNode, _parent: SyntaxNode) -> str:
    if re.search(r"(?<!\\)(?:\\\\)*\\'", node.text.decode()):
        return "shells read an escaped quote in $'…' differently"
    return ""


def _substitution(node: SyntaxNode, _parent: SyntaxNode) -> str:
    text = node.text.decode()
    if text.startswith("`") and ("\\" in text or "#" in text or text.count("`") != 2):  # noqa: PLR2004
        return "escapes and comments in backquotes are not reviewed"
    return ""


def _expansion(node: SyntaxNode, _parent: SyntaxNode) -> str:
    """In `"${x:-'$(y)'}"` the inner quotes are none, and `y` runs."""
    open_nodes = list(node.children)
    while open_nodes:
        one = open_nodes.pop()
        if one.type in {"raw_string", "ansi_c_string"} and _SUBSTITUTION.search(one.text):
            return "quotes in ${…} may be none"
        if one.type != "command_substitution":
            open_nodes.extend(one.children)
    return ""


def _arithmetic(node: SyntaxNode, _parent: SyntaxNode) -> str:
    if not node.text.startswith(b"$((") or not node.text.endswith(b"))"):
        return "shells read $[…] differently"
    return ""


def _compound(node: SyntaxNode, _parent: SyntaxNode) -> str:
    if node.text.startswith(b"(("):
        return "shells read ((…)) differently"
    return ""


def _test(node: SyntaxNode, _parent: SyntaxNode) -> str:
    """`[ a && b ]` and `[[ a > b ]]` run `b` and write it, each in one of the shells."""
    open_nodes = list(node.children)
    while open_nodes:
        one = open_nodes.pop()
        if one.type in _QUOTES:
            continue
        if not one.children and re.search(r"[|&<>;()\n]", one.text.decode()):
            return "shells read operators in tests differently"
        open_nodes.extend(one.children)
    return ""


def _heredoc(node: SyntaxNode, parent: SyntaxNode) -> str:
    parts = {child.type: child for child in node.children}
    begin, body, end = (parts.get(f"heredoc_{name}") for name in ("start", "body", "end"))
    if begin is None or end is None or not _PLAIN_END.fullmatch(begin.text.decode()):
        return "the end of a here-document is not a plain word"
    mark = begin.text.decode().strip("'\"")
    lines = (body.text.decode() if body else "").split("\n")
    lines = [line.lstrip("\t") for line in lines[:-1]]
    ends_there = end.text.decode() == mark and mark not in lines
    if not ends_there or any(line.endswith("\\") for line in lines):
        return "a here-document does not end where it seems to"
    if begin.text == end.text and _unseen_in(body):
        return "a here-document holds a command that is not seen"
    line = parent.text.decode(errors="replace").split("\n", 1)[0]
    return "several here-documents in one line" if line.count("<<") > 1 else ""


def _unseen_in(body: SyntaxNode | None) -> bool:
    """Whether the text between the parts of a body that are known runs something."""
    if body is None:
        return False
    text, place = b"", body.start_byte
    for child in body.children:
        text += body.text[place - body.start_byte : child.start_byte - body.start_byte] + b" "
        place = child.end_byte
    return bool(_SUBSTITUTION.search(text + body.text[place - body.start_byte :]))


_CHECKS: dict[str, Callable[[SyntaxNode, SyntaxNode], str]] = {
    "word": _word,
    "ansi_c_string": _ansi,
    "command_substitution": _substitution,
    "arithmetic_expansion": _arithmetic,
    "expansion": _expansion,
    "compound_statement": _compound,
    "test_command": _test,
    "heredoc_redirect": _heredoc,
    "c_style_for_statement": lambda _node, _parent: "shells read ((…)) differently",
    "translated_string": lambda _node, _parent: 'shells read $"…" differently',
}
