"""What is measured of a function: lines, complexity, nesting, parameters, words."""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from source_files import Source, blocks_of, is_text, statements

Function = ast.FunctionDef | ast.AsyncFunctionDef
LOOPS = ast.For | ast.AsyncFor | ast.While
NESTING = LOOPS | ast.If | ast.With | ast.AsyncWith | ast.Try | ast.TryStar | ast.Match
NUMBERS = re.compile(r"\b(int|float)\b")
WITH_UNIT = re.compile(
    r"(?:^|_)(timeout|delay|interval|pause|patience|duration|age|ttl|wait|size|cost|price|window)"
    r"(?:$|_)"
)
UNIT_SUFFIX = re.compile(r"_(s|ms|ns|bytes|tokens|usd_micros|chars|lines|events|calls|days)$")
UNIT_WORDS = re.compile(r"\b(seconds?|bytes?|tokens?|micro|lines?|characters?|days?|minutes?)\b")


class FunctionShape(NamedTuple):
    """The figures of one function."""

    place: str
    is_public: bool
    code_lines: int
    complexity: int
    nesting: int
    parameters: int
    is_annotated: bool
    docstring: str
    raises: bool
    has_measure: bool
    lacks_unit: bool

    @property
    def states_errors(self) -> bool:
        """Also by naming what it does the work of: "See `EventStore.append`"."""
        return bool(re.search(r"\b[Rr]aises?\b|^See `", self.docstring))


def functions_of(source: Source) -> Iterator[FunctionShape]:
    """All functions at any depth, except the signatures that only overload another."""
    yield from _functions_in(source, source.tree.body, "", is_public=True, is_class=False)


def _functions_in(
    source: Source, block: Sequence[ast.AST], prefix: str, *, is_public: bool, is_class: bool
) -> Iterator[FunctionShape]:
    for node in outer_definitions(block):
        public = is_public and not node.name.startswith("_")
        name = f"{prefix}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _functions_in(
                source, node.body, f"{name}.", is_public=public, is_class=True
            )
        elif not _is_overload(node):
            yield _shape_of(source, node, name, is_public=public, is_method=is_class)
            yield from _functions_in(
                source, node.body, f"{name}.", is_public=False, is_class=False
            )


def outer_definitions(block: Sequence[ast.AST]) -> Iterator[Function | ast.ClassDef]:
    """Those that are in no other definition of the block."""
    for node in block:
        if isinstance(node, Function | ast.ClassDef):
            yield node
        else:
            for inner in blocks_of(node):
                yield from outer_definitions(inner)


def _is_overload(node: Function) -> bool:
    """Also the setter of a property: its getter says what it is."""
    return bool(_decorators(node) & {"overload", "setter"})


def _decorators(node: Function) -> set[str]:
    """The last words of their names."""
    return {
        one.attr if isinstance(one, ast.Attribute) else one.id
        for one in node.decorator_list
        if isinstance(one, ast.Attribute | ast.Name)
    }


def _shape_of(
    source: Source, node: Function, name: str, *, is_public: bool, is_method: bool
) -> FunctionShape:
    parameters = _parameters(node, is_method=is_method)
    measures = [one.arg for one in parameters if _is_measure(one)]
    docstring = ast.get_docstring(node) or ""
    return FunctionShape(
        place=f"{source.place}:{name}",
        is_public=is_public,
        code_lines=_code_lines(node, source.lines),
        complexity=complexity(node),
        nesting=nesting(node.body),
        parameters=len(parameters),
        is_annotated=node.returns is not None and all(one.annotation for one in parameters),
        docstring=docstring,
        raises=any(isinstance(one, ast.Raise) and one.exc for one in _own(node.body)),
        has_measure=bool(measures),
        lacks_unit=any(not UNIT_SUFFIX.search(one) for one in measures)
        and not UNIT_WORDS.search(docstring),
    )


def _own(block: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Those of a function, without those of the functions in it."""
    for node in block:
        if not isinstance(node, Function | ast.ClassDef):
            yield node
            for inner in blocks_of(node):
                yield from _own(inner)


def _code_lines(node: Function, lines: Sequence[str]) -> int:
    """Lines of a function without blank lines, comments and its docstring; its head counts one."""
    body = node.body[1:] if is_text(node.body[0]) else node.body
    if not body:
        return 1
    own = (line.strip() for line in lines[body[0].lineno - 1 : node.end_lineno])
    return 1 + sum(1 for line in own if line and not line.startswith("#"))


def complexity(node: Function) -> int:
    """Ways through a function, as ruff's rule C901 counts them."""
    return 1 + sum(_ways(one) for one in statements(node.body))


def _ways(node: ast.AST) -> int:
    match node:
        case ast.If() | ast.ExceptHandler() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return 1
        case ast.For() | ast.AsyncFor() | ast.While() | ast.Try() | ast.TryStar():
            return bool(node.orelse) + isinstance(node, LOOPS)
        case ast.Match():
            last = node.cases[-1]
            return len(node.cases) - (last.guard is None and _catches_all(last.pattern))
        case _:
            return 0


def _catches_all(pattern: ast.pattern) -> bool:
    return isinstance(pattern, ast.MatchAs) and pattern.pattern is None


def nesting(block: Sequence[ast.AST]) -> int:
    """Blocks around the innermost statement; an `elif` is as deep as its `if`."""
    return max((_depth(one) for one in block), default=0)


def _depth(node: ast.AST) -> int:
    if isinstance(node, Function | ast.ClassDef):
        return 0
    blocks = blocks_of(node)
    if not blocks:
        return 0
    depths = [nesting(block) for block in blocks]
    if isinstance(node, ast.If) and [type(one) for one in node.orelse] == [ast.If]:
        depths[-1] -= 1  # an `elif`
    return max(depths) + isinstance(node, NESTING)


def _parameters(node: Function, *, is_method: bool) -> list[ast.arg]:
    """Those that a caller may give; `*args` and `**options` are as many as he wants."""
    given = [*node.args.posonlyargs, *node.args.args]
    is_bound = is_method and "staticmethod" not in _decorators(node)
    return [*given[is_bound:], *node.args.kwonlyargs]


def _is_measure(argument: ast.arg) -> bool:
    """Whether it is a number of something: of seconds, of bytes."""
    if argument.annotation is None:
        return False
    if argument.arg in {"min_size", "max_size"}:  # of collections: how many
        return False
    is_named = WITH_UNIT.search(argument.arg) or UNIT_SUFFIX.search(argument.arg)
    return bool(is_named and NUMBERS.search(ast.unparse(argument.annotation)))
