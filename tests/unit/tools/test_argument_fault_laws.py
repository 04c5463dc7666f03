"""Faults agree with what refuses: the types of a signature, JSON Schema as its library has it."""

import datetime
import inspect
import json
import re
import uuid
from functools import partial
from typing import Annotated, Any, Literal

import jsonschema
import msgspec
from hypothesis import assume, event, given
from hypothesis import strategies as st
from jsonschema.exceptions import SchemaError
from referencing import Registry

from mentra_actors.tools.contract import Tool, ToolError
from mentra_actors.tools.functions.argument_faults import MAX_TEXT_CHARS
from mentra_actors.tools.functions.docstring import parse_docstring
from mentra_actors.tools.functions.signature import Signature, signature_of
from mentra_actors.tools.schemas.json_schema import json_types
from mentra_actors.tools.schemas.jsonschema_library import library_failures
from mentra_actors.tools.schemas.schema_check import schema_check


class Part(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    size: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0


class Leaf(msgspec.Struct, tag="leaf"):
    value: int | None = None


class Branch(msgspec.Struct, tag="branch"):
    left: "Leaf | Branch"
    parts: list[Part] = []


class Free(msgspec.Struct):
    a: bool = False
    b: dict[str, float] = {}


SCALARS = [
    int,
    str,
    float,
    bool,
    datetime.date,
    uuid.UUID,
    Literal["red", "blue"],
    Literal[1, 2],
    Annotated[int, msgspec.Meta(ge=1, le=5)],
    Annotated[str, msgspec.Meta(max_length=2)],
    Annotated[str, msgspec.Meta(pattern="^[a-c]*$")],
    Annotated[float, msgspec.Meta(multiple_of=0.5)],
    Part,
    Leaf | Branch,
    Branch,
    Free,
    Any,
]
KINDS = st.recursive(
    st.sampled_from(SCALARS),
    lambda kind: st.one_of(
        kind.map(lambda each: list[each]),
        kind.map(lambda each: each | None if each is not Any else each),
        kind.map(lambda each: dict[str, each]),
        kind.map(lambda each: tuple[each, int]),
        st.just(dict[int, str]),
        st.just(set[int]),
    ),
    max_leaves=3,
)
NAMES = ["a", "name", "size", "value", "left", "parts", "type", "b", "odd name", "naem"]
WORDS = ["", "x", "abc", "red", "rde", "5", "-1", "1.5", "true", "null", "leaf", "branch", "[1]"]
WORDS += [
    "2024-02-29",
    "00000000-0000-0000-0000-000000000000",
    '{"a": 1}',
    "[",
    "\ud800",
    "line\n",
]
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-2, 12),
        st.sampled_from([0.5, 1.0, 2.25, -1.5, 1e300, 10**40]),
        st.sampled_from(WORDS),
    ),
    lambda part: st.one_of(
        st.lists(part, max_size=3),
        st.dictionaries(st.sampled_from(NAMES), part, max_size=4),
        st.fixed_dictionaries({"name": part}, optional={"size": part}),
        st.fixed_dictionaries({"type": st.just("leaf")}, optional={"value": part}),
        st.fixed_dictionaries({"type": st.just("branch"), "left": part}, optional={"parts": part}),
    ),
    max_leaves=8,
)


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    """Signatures of functions with up to four parameters."""
    kinds = draw(st.dictionaries(st.sampled_from(NAMES[:6]), KINDS, min_size=1, max_size=4))
    optional = draw(st.sets(st.sampled_from(NAMES)))

    def function(**_arguments: Any) -> None: ...

    function.__annotations__ = dict(kinds)
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=kind,
                default=None if name in optional and kind is not Any else inspect.Parameter.empty,
            )
            for name, kind in kinds.items()
        ]
    )
    return signature_of(function, "made", parse_docstring(None))


@st.composite
def calls(draw: st.DrawFn) -> tuple[Signature, dict[Any, Any]]:
    """A signature, and arguments that have some of its names."""
    signature = draw(signatures())
    parts = signature.schema["properties"]
    if draw(st.booleans()):
        values = {name: draw(fitting(part, signature.schema)) for name, part in parts.items()}
        return signature, values
    names = draw(st.sets(st.sampled_from([*parts, *parts, *parts, "naem", "zebra"])))
    return signature, {name: draw(JSON) for name in sorted(names)}


def fitting(schema: Any, root: Any) -> st.SearchStrategy[Any]:
    """Values that mostly fit a schema; numbers are text now and then."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in schema:
        return st.sampled_from(schema["anyOf"]).flatmap(lambda part: fitting(part, root))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    number = st.integers(schema.get("minimum", -2), schema.get("maximum", 9))
    match schema.get("type"):
        case "integer" | "number":
            return st.one_of(number, number.map(str))
        case "boolean":
            return st.sampled_from([True, False, "true", "0"])
        case "null":
            return st.sampled_from([None, "null"])
        case "string":
            date, random_id = st.just("2024-02-29"), st.uuids().map(str)
            by_format = {"date": date, "uuid": random_id}
            return by_format.get(schema.get("format"), st.sampled_from(["a", "b", "cc"]))
        case "array":
            return fitting_array(schema, root)
        case "object":
            return fitting_object(schema, root)
    return JSON


def fitting_array(schema: Any, root: Any) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*[fitting(part, root) for part in schema["prefixItems"]]).map(list)
    return st.lists(fitting(schema.get("items", {}), root), max_size=2)


def fitting_object(schema: Any, root: Any) -> st.SearchStrategy[Any]:
    parts, required = schema.get("properties", {}), schema.get("required", [])
    if not parts:
        names = st.sampled_from(["1", "22"])
        return st.dictionaries(names, fitting(schema.get("additionalProperties", {}), root))
    fields = {
        name: st.just(part).flatmap(partial(fitting, root=root)) for name, part in parts.items()
    }
    return st.fixed_dictionaries(
        {name: part for name, part in fields.items() if name in required},
        optional={name: part for name, part in fields.items() if name not in required},
    )


STEP = re.compile(r'\.?([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+|\.\.\.|"(?:[^"\\]|\\.)*")\]')


def steps_of(path: str) -> list[Any]:
    """The steps of a path that is shown in a line."""
    if path == "arguments":
        return []
    steps, place = [], 0
    while place < len(path):
        match = STEP.match(path, place)
        assert match is not None, path
        word = match[1] if match[1] is not None else match[2]
        is_json = match[1] is None and word != "..."
        steps.append(json.loads(word) if is_json else word)
        place = match.end()
    return steps


def is_there(path: str, arguments: Any) -> bool:
    """Whether the arguments have a value at this path."""
    value = arguments
    for step in steps_of(path):
        if step == "...":
            return isinstance(value, dict)
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def lines_of(text: str) -> list[str]:
    """What is wrong, a problem each."""
    lines = text.split("\n")
    if len(lines) == 1:
        return [text.partition(": ")[2].partition(" The tool takes ")[0]]
    return [line.removeprefix("- ") for line in lines[1:-1] if not line.startswith("- … ")]


def decoded(signature: Signature, arguments: dict[Any, Any]) -> dict[Any, Any]:
    """The arguments with the JSON text that stands for an array or an object decoded."""
    plain = dict(arguments)
    for name, value in arguments.items():
        types = json_types(signature.schema["properties"].get(name, {}))
        if isinstance(value, str) and value[:1] in ("[", "{") and types and "string" not in types:
            try:
                plain[name] = json.loads(value)
            except ValueError:
                continue
    return plain


def test_paths_are_read_back():
    """The law below is worth as much as its reading of paths."""
    assert steps_of('a[2].b-c["x.y"][...]') == ["a", 2, "b-c", "x.y", "..."]
    assert is_there("a[0].b", {"a": [{"b": None}]})
    assert not is_there("a[1].b", {"a": [{"b": None}]})


@given(calls())
def test_faults_are_what_keywords_refuse(call):
    """Two opinions on one call would run what was refused, or refuse what can run."""
    signature, arguments = call
    text = signature.faults(arguments)
    try:
        signature.keywords(arguments, None)  # type: ignore[arg-type]
        event("accepted")
        refused = ""
    except ToolError as error:
        refused = str(error)

    assert text == refused
    text.encode()
    assert len(text) <= MAX_TEXT_CHARS


@given(calls())
def test_each_fault_names_a_place_that_is_there(call):
    """A path that leads nowhere sends a model on a search."""
    signature, arguments = call
    text = signature.faults(arguments)
    assume(text)
    plain = decoded(signature, arguments)

    lines = lines_of(text)
    event(f"{min(len(lines), 5)} problems")
    assert lines
    for line in lines:
        path = re.findall("`([^`]*)`", line)[0]
        if line.startswith("missing required field"):
            parent = STEP.findall(path)
            assert parent
            assert not is_there(path, plain)
        else:
            assert is_there(path, plain), (line, plain)


@given(calls())
def test_only_fields_that_are_refused_are_accused(call):
    """What is said of one field must not come from another one."""
    signature, arguments = call
    text = signature.faults(arguments)
    assume(text)
    plain = decoded(signature, arguments)
    fields = {field.name: field for field in msgspec.structs.fields(signature.arguments_type)}
    accused = {steps_of(re.findall("`([^`]*)`", line)[0])[0] for line in lines_of(text)}

    expected = {name for name in arguments if name not in fields}
    expected |= {name for name, each in fields.items() if each.required and name not in plain}
    for name in plain.keys() & fields.keys():
        try:
            msgspec.convert(plain[name], fields[name].type, strict=False, str_keys=True)
        except ValueError:
            expected.add(name)
    assert accused == expected


VALUES = st.sampled_from([0, 1, 2.5, "a", "red", None, True, [], {}, "leaf"])


def _objects(part: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(NAMES), part, max_size=3)


def keywords(part: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas with some keywords, most of them valid."""
    parts = st.lists(part, min_size=1, max_size=3)
    sizes = st.integers(0, 3)
    names = st.lists(st.sampled_from(NAMES), max_size=3, unique=True)
    types = st.sampled_from(["object", "array", "string", "integer", "number", "null", "boolean"])
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(types, types, st.lists(types, min_size=1, unique=True, max_size=2)),
            "properties": _objects(part),
            "required": names,
            "additionalProperties": st.one_of(st.booleans(), part),
            "patternProperties": st.dictionaries(st.sampled_from(["^n", "a"]), part, max_size=2),
            "propertyNames": part,
            "items": part,
            "prefixItems": parts,
            "contains": part,
            "uniqueItems": st.booleans(),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "minimum": sizes,
            "exclusiveMaximum": sizes,
            "multipleOf": st.sampled_from([1, 2, 0.1, 0.01]),
            "minLength": sizes,
            "maxLength": sizes,
            "minItems": sizes,
            "maxProperties": sizes,
            "pattern": st.sampled_from(["^r", "a$", "["]),
            "anyOf": parts,
            "oneOf": parts,
            "allOf": parts,
            "not": part,
            "if": part,
            "then": part,
            "else": part,
            "dependentRequired": st.dictionaries(st.sampled_from(NAMES), names, max_size=2),
            "unevaluatedProperties": part,
            "$ref": st.sampled_from(["#", "#/$defs/d", "#/$defs/d", "#/$defs/no", "http://x.y/z"]),
        },
    )


SCHEMAS = st.builds(
    lambda schema, part: {**schema, "$defs": {"d": part}},
    keywords(st.recursive(st.one_of(st.booleans(), st.just({})), keywords, max_leaves=6)),
    st.recursive(st.one_of(st.booleans(), st.just({})), keywords, max_leaves=3),
)
ARGUMENTS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4)


async def nothing(_arguments, _context):
    return ""


def by_hand(schema: Any) -> Tool:
    return Tool(name="hand", description="", input_schema=json.dumps(schema), run=nothing)


def can_be_taken(input_schema: str) -> bool:
    """Whether a tool with this schema can be registered."""
    try:
        schema_check(input_schema)
    except ValueError:
        return False
    return True


@given(SCHEMAS, ARGUMENTS)
def test_a_schema_refuses_what_its_library_refuses(schema, arguments):
    """Our own keywords are to tell more, not to decide otherwise."""
    made = by_hand(schema)
    text = made.faults(arguments)

    assert len(text) <= MAX_TEXT_CHARS
    text.encode()
    if "tool itself is broken" in text:
        event("broken")
        assert not can_be_taken(made.input_schema)
        return
    if "cannot be checked" in text:
        event("given up")
        assert '"$ref"' in made.input_schema
        return
    library = jsonschema.Draft202012Validator(schema, registry=Registry())
    try:
        with library_failures():
            is_valid = library.is_valid(arguments)
    except RuntimeError:  # it looks on where we have seen enough, and finds no end
        event("endless")
        return
    event("fits" if is_valid else "does not fit")
    assert (text == "") == is_valid


@given(SCHEMAS)
def test_a_schema_that_is_taken_is_valid(schema):
    """A wrong schema is found at registration, a right one is never refused."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        is_valid = True
    except SchemaError:
        is_valid = False
    has_reference = '"$ref"' in json.dumps(schema)

    assert can_be_taken(json.dumps(schema)) <= is_valid
    assert has_reference or can_be_taken(json.dumps(schema)) == is_valid


ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary()
    ),
    lambda part: st.one_of(
        st.lists(part, max_size=4),
        st.dictionaries(
            st.one_of(
                st.text(max_size=3),
                st.integers(0, 9),
                st.none(),
                st.sampled_from(["type", "properties", "anyOf", "enum", "$ref", "required"]),
            ),
            part,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(st.one_of(SCHEMAS, ANYTHING), ANYTHING)
def test_nothing_at_all_makes_a_check_raise(schema, arguments):
    """Schemas and arguments both come from strangers, and one exception would end an agent."""
    try:
        text = by_hand(schema).faults(arguments)
    except TypeError as error:  # json.dumps of keys and bytes that are none
        assume("JSON" not in str(error) and "keys" not in str(error))
        raise

    text.encode()
    assert len(text) <= MAX_TEXT_CHARS


@given(signatures(), ANYTHING)
def test_nothing_at_all_makes_a_signature_raise(signature, arguments):
    """The same for tools that are functions."""
    text = signature.faults(arguments)

    text.encode()
    assert len(text) <= MAX_TEXT_CHARS
