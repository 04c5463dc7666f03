"""All simple commands of a shell text, wherever they stand in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mentra_actors.tools.shell_review.grammar import ParsedText, SyntaxNode
from mentra_actors.tools.shell_review.words import WORD_NODES, Word, word_of, words_of

__all__ = ["Assignment", "FoundCommand", "FoundText", "Redirect", "found_in"]

_SIMPLE_EXPANSION = re.compile(
    r"\$\{#?[A-Za-z_][A-Za-z0-9_]*(?:\[(?:[0-9]+|@|\*)\])?(?:(?::?[-+]|##?|%%?|\^\^?|,,?|//?).*)?\}",
    re.DOTALL,
)
_PLAIN_SUBSCRIPT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[(?:[0-9]+|@|\*)\]")
_HOLDS = {
    "variable_assignment": ("command", "declaration_command"),
    "file_redirect": ("command", "redirected_statement", "heredoc_redirect"),
}
_NUMBER_TESTS = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v", "-R"})


@dataclass(frozen=True, slots=True)
class Redirect:
    """`operator` as it stands, such as `>`; `target` is what follows it."""

    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name` is set to `value`: for one command, by a declaration, or for the rest of the text."""

    name: str
    value: Word


@dataclass(slots=True)
class FoundCommand:
    """One simple command; without words it only redirects or assigns.

    `given` are texts that it reads from its standard input, as far as they are known.
    """

    words: tuple[Word, ...] = ()
    redirects: list[Redirect] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    later: list[Word] = field(default_factory=list)
    """Words that stand after its redirects; they belong to the command before these."""
    is_apart: bool = False
    apart: list[Word] = field(default_factory=list)
    """Those of them that are a command of their own to shells which do not know `&>`."""


@dataclass(slots=True)
class FoundText:
    """What a text holds, in its order. `doubts` are parts that might do anything."""

    commands: list[FoundCommand] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    bombs: bool = False
    """Whether a function starts itself again and again."""


def found_in(tree: ParsedText) -> FoundText:
    """All of a tree."""
    found = FoundText()
    by_node: dict[int, FoundCommand] = {}
    for node in tree.nodes:
        reader = _READERS.get(node.type)
        parent = tree.parents.get(node.id)
        is_part = parent is not None and parent.type in _HOLDS.get(node.type, ())
        if reader and not is_part:
            reader(node, found, by_node)
    for node in tree.nodes:
        if node.type == "pipeline":
            _connect(node, by_node)
        elif node.type == "redirected_statement":
            _give(node, by_node, found)
    return found


def _command(node: SyntaxNode, found: FoundText, by_node: dict[int, FoundCommand]) -> None:
    command = FoundCommand()
    words: list[Word] = []
    for child in node.children:
        if child.type == "variable_assignment":
            command.assignments.append(_assigned(child))
        elif child.type in {"file_redirect", "herestring_redirect"}:
            _redirect(child, command)
        elif child.type not in {"heredoc_redirect"}:
            words.extend(words_of(child))
    command.words = (*words, *command.later)
    found.commands.append(command)
    by_node[node.id] = command


def _redirected(node: SyntaxNode, found: FoundText, by_node: dict[int, FoundCommand]) -> None:
    """Redirects after a command are kept as ones of their own; texts go to its command."""
    command = FoundCommand()
    for child in node.children:
        if child.type in {"file_redirect", "herestring_redirect", "heredoc_redirect"}:
            _redirect(child, command)
    by_node[node.id] = command
    found.commands.append(command)


def _lone_redirect(node: SyntaxNode, found: FoundText, _by_node: dict[int, FoundCommand]) -> None:
    command = FoundCommand()
    _redirect(node, command)
    found.commands.append(command)


def _redirect(node: SyntaxNode, command: FoundCommand) -> None:
    if node.type == "heredoc_redirect":
        body = next((child for child in node.children if child.type == "heredoc_body"), None)
        command.given.append(body.text.decode() if body else "")
        for child in node.children:
            if child.type in {"file_redirect", "herestring_redirect"}:
                _redirect(child, command)
            elif child.type in WORD_NODES:
                command.later.extend(words_of(child))
        return
    parts = [child for child in node.children if child.type != "file_descriptor"]
    operator = parts[0].text.decode()
    if node.type == "herestring_redirect":
        command.given.append(word_of(parts[-1]).shown)
        return
    target = word_of(parts[1]) if len(parts) > 1 else Word("-")
    command.redirects.append(Redirect(operator, target))
    later = [word for part in parts[2:] for word in words_of(part)]
    command.later.extend(later)
    command.is_apart |= operator.startswith("&")
    if command.is_apart:
        command.apart.extend(later)


def _assigned(node: SyntaxNode) -> Assignment:
    name, *rest = node.children
    value = word_of(rest[-1]) if len(rest) > 1 else Word("")
    return Assignment(name.text.decode(), value)


def _assignment(node: SyntaxNode, found: FoundText, _by_node: dict[int, FoundCommand]) -> None:
    found.commands.append(FoundCommand(assignments=[_assigned(node)]))


def _declaration(node: SyntaxNode, found: FoundText, _by_node: dict[int, FoundCommand]) -> None:
    command = FoundCommand()
    words: list[Word] = []
    for child in node.children:
        if child.type == "variable_assignment":
            command.assignments.append(_assigned(child))
        else:
            words.extend(words_of(child) if child.is_named else [Word(child.text.decode())])
    command.words = tuple(words)
    found.commands.append(command)


def _loop(node: SyntaxNode, found: FoundText, _by_node: dict[int, FoundCommand]) -> None:
    name = next((child for child in node.children if child.type == "variable_name"), node)
    assigned = Assignment(name.text.decode(), Word("", is_exact=False))
    found.commands.append(FoundCommand(assignments=[assigned]))


def _function(node: SyntaxNode, found: FoundText, _by_node: dict[int, FoundCommand]) -> None:
    name = next((child for child in node.children if child.type == "word"), node).text
    body = node.children[-1]
    calls = [one for one in _below(body) if one.type == "command_name" and one.text == name]
    if calls and (b"|" in body.text or b"&" in body.text):
        found.bombs = True


def _expansion(node: SyntaxNode, found: FoundText, _by_node: dict[int, FoundCommand]) -> None:
    """`${x@P}`, `${!x}`, `${x:y}` and `${x[y]}` run or read what is in a variable."""
    if not _SIMPLE_EXPANSION.fullmatch(node.text.decode()):
        found.doubts.append(f"{node.text.decode()} may run what a variable holds")


def _arithmetic(node: SyntaxNode, found: FoundText, _by_node: dict[int, FoundCommand]) -> None:
    if not re.fullmatch(rb"\$\(\([0-9\s+*/%()-]*\)\)", node.text):
        found.doubts.append("a sum runs the commands in its variables")


def _subscript(node: SyntaxNode, found: FoundText, _by_node: dict[int, FoundCommand]) -> None:
    if not _PLAIN_SUBSCRIPT.fullmatch(node.text.decode()):
        found.doubts.append("the index of a list may run what a variable holds")


def _test(node: SyntaxNode, found: FoundText, _by_node: dict[int, FoundCommand]) -> None:
    operators = {one.text.decode() for one in _below(node) if not one.children}
    first = node.children[0].text
    is_risk = operators & _NUMBER_TESTS if first == b"[[" else _splits(node)
    if is_risk or operators & {"-v", "-R"}:
        found.doubts.append("a test may run the commands in its variables")


def _splits(test: SyntaxNode) -> bool:
    """Whether a variable could be several words of a test, such as `-v` and a list's index."""
    open_nodes = list(test.children)
    while open_nodes:
        one = open_nodes.pop()
        if one.type in {"simple_expansion", "expansion", "command_substitution"}:
            if one.children[-1].type != "special_variable_name" or one.text in {b"$@", b"$*"}:
                return True
        elif one.type != "string":
            open_nodes.extend(one.children)
    return False


def _below(node: SyntaxNode) -> Iterator[SyntaxNode]:
    open_nodes = [node]
    while open_nodes:
        one = open_nodes.pop()
        yield one
        open_nodes.extend(one.children)


def _give(node: SyntaxNode, by_node: dict[int, FoundCommand], found: FoundText) -> None:
    """The text of a here-document goes to all commands before it, words after it to the one."""
    texts, later = by_node[node.id].given, by_node[node.id].later
    if by_node[node.id].apart:
        found.doubts.append("shells read words after &> differently")
        found.commands.append(FoundCommand(tuple(by_node[node.id].apart)))
    before = by_node.get(node.children[0].id)
    if later and before is not None and before.words:
        before.words += tuple(later)
    elif later:
        found.doubts.append("words after a redirect belong to no command")
    for one in _below(node) if texts else ():
        if one.id in by_node and one.id != node.id:
            by_node[one.id].given.extend(texts)


def _connect(pipeline: SyntaxNode, by_node: dict[int, FoundCommand]) -> None:
    """What `echo` and `printf` say goes to the commands after them."""
    said: list[str] = []
    for child in pipeline.children:
        inner = child
        while inner.type in {"redirected_statement", "negated_command"}:
            inner = next((one for one in inner.children if one.type == "command"), None) or child
            if inner is child:
                break
        command = by_node.get(inner.id)
        if command is None:
            continue
        command.given.extend(said)
        if command.words and command.words[0].shown.rpartition("/")[2] in {"echo", "printf"}:
            said.append(" ".join(word.shown for word in command.words[1:]))
            said.extend(word.shown for word in command.words[1:])


_READERS = {
    "command": _command,
    "redirected_statement": _redirected,
    "file_redirect": _lone_redirect,
    "variable_assignment": _assignment,
    "declaration_command": _declaration,
    "unset_command": _declaration,
    "for_statement": _loop,
    "function_definition": _function,
    "expansion": _expansion,
    "arithmetic_expansion": _arithmetic,
    "subscript": _subscript,
    "test_command": _test,
}
