"""Who imports whom: cycles, fan-out, and imports that come late."""

import ast
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from source_files import PACKAGES, Source, project_modules, statements

Imports = Mapping[str, AbstractSet[str]]


def imports_of(source: Source) -> set[str]:
    """Modules of the project that a file imports when it is imported itself."""
    return {
        name
        for node in _at_import(source.tree)
        for name in _imported(node)
        if name != source.module
    }


def deferred_imports(source: Source) -> list[str]:
    """Places where a function imports a module of the project."""
    return [
        f"{source.place}:{node.lineno}"
        for node in statements(_definitions(source.tree))
        if isinstance(node, ast.Import | ast.ImportFrom) and set(_imported(node))
    ]


def _definitions(tree: ast.Module) -> list[ast.stmt]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [node for node in tree.body if isinstance(node, kinds)]


def _at_import(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from node.orelse
        else:
            yield node


def _imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (one.name for one in names if one.name.split(".")[0] in PACKAGES)
        case ast.ImportFrom(module=str(module), names=names) if module.split(".")[0] in PACKAGES:
            for one in names:
                inner = f"{module}.{one.name}"
                yield inner if inner in project_modules() else module
        case _:
            return


def cycles(imports: Imports) -> list[list[str]]:
    """Groups of modules that each lead to each other: what is left when all leaves are cut."""
    left = {name: set(named) & set(imports) for name, named in imports.items()}
    while True:
        leaves = {name for name, named in left.items() if not named & set(left)}
        leaves |= set(left) - set().union(*left.values())
        if not leaves:
            break
        left = {name: named - leaves for name, named in left.items() if name not in leaves}
    return _groups(left)


def _groups(graph: Mapping[str, AbstractSet[str]]) -> list[list[str]]:
    """Each module with those that it reaches and that reach it."""
    reached = {name: _reached(graph, name) for name in graph}
    groups = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in graph
        if name in reached[name]
    }
    return [list(one) for one in sorted(groups)]


def _reached(graph: Mapping[str, AbstractSet[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph[waiting.pop()] - seen:
            seen.add(name)
            waiting.append(name)
    return seen
