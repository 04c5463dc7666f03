"""What the tests hold the shape of the code to."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from shape_of_functions import FunctionShape
from shape_of_modules import Shape, percentile_95

WHOLE = "the whole"
"""The place of a figure that speaks of all files together."""


class Gate(NamedTuple):
    """A limit, and the figures that must keep to it, by place."""

    rule: str
    limit: float
    figures: Callable[[Shape], Mapping[str, float]]


def _functions(figure: Callable[[FunctionShape], float]) -> Callable[[Shape], dict[str, float]]:
    return lambda shape: {one.place: figure(one) for one in shape.functions}


def _percentile(figure: Callable[[FunctionShape], float]) -> Callable[[Shape], dict[str, float]]:
    return lambda shape: {WHOLE: percentile_95([figure(one) for one in shape.functions])}


def _each(places: Callable[[Shape], list[str]]) -> Callable[[Shape], dict[str, float]]:
    return lambda shape: dict.fromkeys(places(shape), 1.0)


def _whole(figure: Callable[[Shape], float]) -> Callable[[Shape], dict[str, float]]:
    return lambda shape: {WHOLE: figure(shape)}


def any_per_kloc(shape: Shape) -> float:
    """Uses of `Any` in a thousand lines of code."""
    return shape.anys / shape.kloc


def ignores_per_kloc(shape: Shape) -> float:
    """Lines that the type checker ignores in a thousand lines of code."""
    return shape.type_ignores / shape.kloc


def duplicated_percent(shape: Shape) -> float:
    """Lines of code of a hundred that stand twice."""
    return sum(shape.duplicated.values()) / shape.kloc / 10


GATES = [
    Gate("file_lines", 400, lambda shape: shape.file_lines),
    Gate("function_lines", 30, _functions(lambda one: one.code_lines)),
    Gate("complexity", 10, _functions(lambda one: one.complexity)),
    Gate("complexity_p95", 7, _percentile(lambda one: one.complexity)),
    Gate("nesting", 4, _functions(lambda one: one.nesting)),
    Gate("nesting_p95", 2, _percentile(lambda one: one.nesting)),
    Gate("parameters", 6, _functions(lambda one: one.parameters)),
    Gate("no_docstring", 0, _each(lambda shape: shape.silent)),
    Gate("no_annotations", 0, _functions(lambda one: not one.is_annotated)),
    Gate("any_per_kloc", 5, _whole(any_per_kloc)),
    Gate("type_ignores_per_kloc", 1, _whole(ignores_per_kloc)),
    Gate("import_cycles", 0, _each(lambda shape: [" ".join(one) for one in shape.cycles])),
    Gate("deferred_imports", 0, _each(lambda shape: shape.deferred)),
    Gate("duplicated_percent", 1, _whole(duplicated_percent)),
    Gate("vague_names", 0, _each(lambda shape: shape.vague)),
    Gate("stubs", 0, _each(lambda shape: shape.stubs)),
]
