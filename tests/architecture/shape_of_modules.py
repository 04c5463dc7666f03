"""What is measured of the product as a whole; every file is read and parsed once."""

import ast
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from duplicated_lines import duplicated
from shape_of_functions import FunctionShape, functions_of, outer_definitions
from shape_of_imports import cycles, deferred_imports, imports_of
from source_files import Source, code_lines, product, sources

VAGUE_ENDINGS = (
    "Manager", "Helper", "Helpers", "Util", "Utils", "Impl", "Base", "Data", "Info", "Mixin",
    "Wrapper", "Processor", "Handler", "Service", "Controller",
)  # fmt: skip
VAGUE_MODULES = re.compile(r"^(util.*|helper.*|common|misc|base)$|_(utils?|helpers?|misc)$")
TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore")
ANY = re.compile(r"\bAny\b(?! [a-z])")
STUBS = ("NotImplementedError", "TODO", "FIXME", "XXX")


@dataclass
class Shape:
    """The figures of all files together."""

    functions: list[FunctionShape] = field(default_factory=list)
    file_lines: dict[str, int] = field(default_factory=dict)
    code: dict[str, list[str]] = field(default_factory=dict)
    imports: dict[str, set[str]] = field(default_factory=dict)
    deferred: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    vague: list[str] = field(default_factory=list)
    stubs: list[str] = field(default_factory=list)
    anys: int = 0
    type_ignores: int = 0

    @property
    def kloc(self) -> float:
        """Thousands of lines of code: no blank ones, comments, docstrings or imports."""
        return sum(map(len, self.code.values())) / 1000

    @functools.cached_property
    def cycles(self) -> list[list[str]]:
        return cycles(self.imports)

    @functools.cached_property
    def duplicated(self) -> dict[str, int]:
        return duplicated(self.code)

    def add(self, source: Source) -> None:
        """Measure a file."""
        text = "\n".join(source.lines)
        self.file_lines[source.place] = len(source.lines)
        self.code[source.place] = code_lines(source)
        self.imports[source.module] = imports_of(source)
        self.deferred += deferred_imports(source)
        self.stubs += [f"{source.place}: {mark}" for mark in STUBS if mark in text]
        self.type_ignores += len(TYPE_IGNORE.findall(text))
        self.anys += sum(len(ANY.findall(line)) for line in self.code[source.place])
        self._add_definitions(source)

    def _add_definitions(self, source: Source) -> None:
        functions = list(functions_of(source))
        self.functions += functions
        if not ast.get_docstring(source.tree):
            self.silent.append(source.place)
        self.silent += [one.place for one in functions if one.is_public and not one.docstring]
        if VAGUE_MODULES.search(source.module.split(".")[-1]):
            self.vague.append(source.place)
        self._add_classes(f"{source.place}:", source.tree.body)

    def _add_classes(self, prefix: str, block: Sequence[ast.AST]) -> None:
        for node in outer_definitions(block):
            if isinstance(node, ast.ClassDef):
                self._add_class(f"{prefix}{node.name}", node)
                self._add_classes(f"{prefix}{node.name}.", node.body)

    def _add_class(self, place: str, node: ast.ClassDef) -> None:
        self.classes.append(place)
        if node.name.endswith(VAGUE_ENDINGS):
            self.vague.append(place)
        if not node.name.startswith("_") and not ast.get_docstring(node):
            self.silent.append(place)
        if place.startswith("mentra_actors/errors.py"):
            self.exceptions.append(node.name)


@functools.cache
def shape() -> Shape:
    """Of the product as it is. Takes some seconds."""
    found = Shape()
    for source in sources(product()):
        found.add(source)
    return found


def percentile_95(figures: Sequence[float]) -> float:
    """The figure that 95 of 100 do not exceed."""
    return sorted(figures)[int(len(figures) * 0.95)]
