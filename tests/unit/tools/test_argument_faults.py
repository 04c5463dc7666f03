"""A model hears all that is wrong with its call at once, in a text that stays small."""

import datetime
import enum
import json
import math
import socket
import subprocess
import sys
import threading
from typing import Annotated, Any, Literal

import msgspec
import pytest

from mentra_actors.errors import InvalidTool
from mentra_actors.tools.contract import Tool, ToolError
from mentra_actors.tools.functions.argument_faults import (
    MAX_TEXT_CHARS,
    Fault,
    missing_field,
    path_text,
    refusal,
    shown,
    unknown_field,
)
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.registry import ToolRegistry

pytestmark = pytest.mark.anyio


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Line(msgspec.Struct, forbid_unknown_fields=True):
    sku: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    price: Annotated[float, msgspec.Meta(ge=0)]
    quantity: int = 1
    colour: Colour | None = None


class Number(msgspec.Struct, tag="number"):
    value: int


class Sum(msgspec.Struct, tag="sum"):
    left: "Number | Sum | Negation"
    right: "Number | Sum | Negation"


class Negation(msgspec.Struct, tag="negation"):
    of: "Number | Sum | Negation"


class Picky(msgspec.Struct):
    word: str

    def __post_init__(self):
        if self.word == "raise":
            raise LookupError("no such word")
        if self.word == "refuse":
            raise ValueError("not that word")


@tool
def order(
    customer: str,
    lines: Annotated[list[Line], msgspec.Meta(max_length=3)],
    speed: Literal["fast", "slow"] = "fast",
    due: datetime.date | None = None,
    total: float = 0.0,
    notes: dict[str, int] | None = None,
) -> None:
    """Order."""


@tool
def calculate(expression: Number | Sum | Negation) -> None:
    """Calculate."""


@tool
def pick(picky: Picky, others: list[Picky] = []) -> None:  # noqa: B006
    """Pick."""


async def nothing(_arguments, _context):
    return ""


def by_hand(schema: Any, name: str = "hand", **changes: Any) -> Tool:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return Tool(name=name, description="", input_schema=text, run=nothing, **changes)


def problems(made: Tool, arguments: Any) -> list[str]:
    """The lines about what is wrong; the frame around them is checked."""
    text = made.faults(arguments)
    if not text:
        return []
    head, frame = f"Invalid arguments for tool '{made.name}': ", "Nothing was run."
    assert text.startswith(head)
    assert text.endswith(frame)
    assert len(text) <= MAX_TEXT_CHARS
    lines = text.removeprefix(head).split("\n")
    if len(lines) == 1:
        return [lines[0].partition(" The tool takes ")[0].removesuffix(".")]
    assert lines[0] == f"{len(lines) - 2} problems"
    assert lines[-1].startswith("The tool takes ")
    assert all(line.startswith("- ") for line in lines[1:-1])
    return [line.removeprefix("- ") for line in lines[1:-1]]


def test_all_problems_are_told_at_once():
    """A model that hears one problem at a time needs a round for each."""
    wrong = {
        "custmer": "me",
        "lines": [
            {"sku": "abc", "price": "-1", "quantty": 2},
            {"price": "5", "quantity": "6", "colour": "RED"},
        ],
        "speed": "fsat",
        "due": "tomorrow",
    }

    assert problems(order, wrong) == [
        "missing required field `customer` (string)",
        '`lines[0].sku`: expected string, matching `^[A-Z]{3}$`; got "abc"',
        '`lines[0].price`: expected number, at least 0; got "-1"',
        "unknown field `lines[0].quantty`, did you mean `quantity`?",
        '`lines[1].colour`: expected one of "blue", "red"; got "RED", did you mean "red"?',
        "missing required field `lines[1].sku` (string)",
        '`speed`: expected one of "fast", "slow"; got "fsat", did you mean "fast"?',
        '`due`: expected string or null; got "tomorrow" (Invalid RFC3339 encoded date)',
        "unknown field `custmer`, did you mean `customer`?",
    ]


def test_one_problem_is_told_in_a_sentence():
    """The text of a single slip stays what it was: a list of one would only be longer."""
    assert order.faults({"customer": 5, "lines": []}) == (
        "Invalid arguments for tool 'order': `customer`: expected string; got 5. "
        "The tool takes `customer` (string, required), `lines` (array, required), "
        '`speed` (one of "fast", "slow", optional), `due` (string or null, optional), '
        "`total` (number, optional), `notes` (object or null, optional). Nothing was run."
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"customer": "me", "lines": []},
        {"customer": "me", "lines": '[{"sku": "ABC", "price": "1.5"}]', "total": "7"},
        {"customer": "me", "lines": [], "due": "null", "notes": {"a": "1"}},
        {"customer": "me", "lines": [], "total": math.nan},
    ],
)
async def test_what_is_taken_leniently_is_no_fault(arguments, context):
    """Numbers as text and lists as JSON text are understood, so they must not be refused."""
    assert order.faults(arguments) == ""
    await order.run(arguments, context)


async def test_a_call_cannot_pass_the_check_by():
    """Whoever runs a tool without asking first still gets the same refusal."""
    with pytest.raises(ToolError) as refused:
        await order.run({"lines": 1}, None)

    assert str(refused.value) == order.faults({"lines": 1})
    assert "customer" in str(refused.value)


def test_a_field_beside_a_wrong_one_is_not_accused():
    """A model that is told to change what is right changes it for the worse."""
    fields = {"customer": "me", "lines": [{"sku": "ABC", "price": "1", "quantity": "x"}]}

    assert problems(order, fields) == ['`lines[0].quantity`: expected integer; got "x"']


def test_the_form_that_was_meant_is_explained():
    """Of a union only the form with the right tag is of interest, at any depth."""
    expression: dict[str, Any] = {"type": "number", "value": "x"}
    for _ in range(20):
        expression = {"type": "negation", "of": expression}
        expression = {"type": "sum", "left": {"type": "number", "value": 1}, "right": expression}

    (line,) = problems(calculate, {"expression": expression})

    assert line.startswith("`expression.right.of.right")
    assert line.endswith('.of.value`: expected integer; got "x"')


@pytest.mark.parametrize(
    ("expression", "line"),
    [
        (
            {"type": "product"},
            '`expression.type`: expected one of "number", "sum", "negation"; got "product"',
        ),
        (
            {"value": 1},
            'missing required field `expression.type` (one of "number", "sum", "negation")',
        ),
        (
            5,
            '`expression`: expected object with `type` "number", `value` or object with `type` '
            '"sum", `left`, `right` or object with `type` "negation", `of`; got 5',
        ),
    ],
)
def test_a_form_that_nobody_knows_is_told_by_its_tag(expression, line):
    """The names of the forms are all that helps."""
    assert problems(calculate, {"expression": expression}) == [line]


def test_what_a_type_says_by_itself_is_told():
    """A rule that is no schema is known from its own words only."""
    refused = pick.faults({"picky": {"word": "refuse"}, "others": [{"word": "raise"}]})

    assert '`picky`: expected object; got {"word": "refuse"} (not that word)' in refused
    assert "`others`" in refused
    assert "LookupError: no such word" in refused
    assert problems(pick, {"picky": {}, "others": [{"word": "refuse"}, {"word": 5}]}) == [
        "missing required field `picky.word` (string)",
        "`others[1].word`: expected string; got 5",
        "`others[0]`: not that word",
    ]


def nested(levels: int) -> dict[str, Any]:
    deep: dict[str, Any] = {"type": "number", "value": 1}
    for _ in range(levels):
        deep = {"type": "negation", "of": deep}
    return deep


@pytest.mark.parametrize("levels", [100, 10_000])
def test_deep_nesting_is_refused_in_words(levels):
    """A model that nests without end must not end the process that checks it."""
    endless = nested(levels)
    endless["of"]["extra"] = [None]
    (line,) = problems(calculate, {"expression": endless}) or ["fine"]
    free = by_hand({"type": "object"})

    assert (line == "fine") == (levels == 100)
    assert free.faults({"anything": endless}) == ""


def test_deep_nesting_is_refused_by_a_schema():
    """The same for a schema that refers to itself."""
    tree = {"type": "object", "properties": {"of": {"$ref": "#"}}}
    (line,) = problems(by_hand(tree), nested(10_000))

    assert line == "`arguments`: they cannot be checked: nested too deeply"
    assert by_hand(tree).faults(nested(20)) == ""


def test_a_megabyte_of_arguments_gets_a_small_answer():
    """The answer goes back into the context of the model, which holds no megabytes."""
    lines = [{"sku": "x" * 20, "price": -1}] * 20_000
    refused = order.faults({"customer": "y" * 1_000_000, "lines": lines})

    assert len(refused) <= MAX_TEXT_CHARS
    assert "more than 1000 problems" in refused.splitlines()[0]
    assert "problems are left out here" in refused
    assert order.faults({f"name_{number}": 1 for number in range(50_000)}) != ""
    assert len(order.faults({"customer": ["z" * 1_000_000], "lines": []})) < 1_000


def test_what_is_left_out_is_counted():
    """A model that believes a list to be complete repairs the listed half only."""
    faults = [Fault(f"f{number}", f"`f{number}`: {'wrong ' * 30}") for number in range(40)]
    text = refusal("t", faults, "nothing")
    told = [line for line in text.splitlines() if "wrong" in line]

    assert len(text) <= MAX_TEXT_CHARS
    assert f"- … {40 - len(told)} more problems are left out here" in text.splitlines()
    assert len(told) > 15


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("line\nbreak\u2028", '"line\\nbreak\u2028"'),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (1 << 20_000, "an integer of 20001 bits"),
        ({"a": [1, {"b": [2]}]}, '{"a": [1, {"b": […]}]}'),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, …]"),
        ([], "[]"),
        ({1: object()}, "{1: a object}"),
    ],
    ids=range(8),
)
def test_a_value_is_shown_in_short(value, text):
    """What was found helps only if it is recognised, and must never be the whole of it."""
    assert shown(value) == text
    assert len(shown([value] * 8)) <= 80


def test_a_long_text_is_cut():
    """80 characters are enough to recognise a value."""
    assert shown("x" * 1_000) == '"' + "x" * 78 + "…"


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([], "arguments"),
        (["items", 2, "price"], "items[2].price"),
        (["a b", "c.d", ""], '["a b"]["c.d"][""]'),
        ([7], "[7]"),
        ([True, None], "[true][null]"),
    ],
)
def test_a_path_reads_like_code(steps, text):
    """Models write such paths themselves."""
    assert path_text(steps) == text


def test_a_path_is_cut_in_its_middle():
    """The begin says which argument, the end which value."""
    text = missing_field(path_text(["begin", *["x"] * 10_000, "end"]), "any").line

    assert len(text) < 220
    assert "`begin.x.x" in text
    assert "x.x.end`" in text


@pytest.mark.parametrize(
    ("name", "known", "given", "meant"),
    [
        ("tiems", ["times", "text"], {}, "times"),
        ("filePath", ["file_path", "mode"], {}, "file_path"),
        ("nam", ["name", "names"], {"name": 1}, "names"),
        ("name2", ["name"], {"name": 1}, "name"),
        ("zebra", ["name"], {}, ""),
        ("x" * 1_000_000, ["x" * 1_000_000], {}, ""),
        (7, ["7"], {}, ""),
    ],
)
def test_an_unknown_name_is_compared_with_those_that_are_missing(name, known, given, meant):
    """Most unknown names are slips of the pen, and the field they stand for is missing."""
    line = unknown_field("p", name, known=known, given=given).line

    assert line == "unknown field `p`" + (f", did you mean `{meant}`?" if meant else "")


def test_a_refusal_can_always_be_stored():
    """Half a surrogate pair in a name or in a value must not spoil the event that tells of it."""
    text = order.faults({"\ud800\n": "\ud800", "customer": ["\ud800"], "lines": "[\ud800"})

    text.encode()
    assert len(text.splitlines()) == 5
    missing = refusal("t", [missing_field("a\nb", "c\rd")], "e\u2028f")
    assert len(missing.splitlines()) == 1


def test_names_that_are_no_strings_are_refused():
    """Python has such mappings, JSON has not."""
    assert problems(order, {1: 2, "customer": "me", "lines": []}) == ["unknown field `[1]`"]
    assert problems(by_hand({"patternProperties": {"a": {}}}), {1: {None: 2}}) == [
        "`[1]`: expected a string as name; got 1",
        "`[1][null]`: expected a string as name; got null",
    ]


def test_arguments_that_hold_themselves_are_no_trap():
    """Nobody sends such JSON, but whoever calls a tool from Python may."""
    endless: dict[str, Any] = {"n": math.inf}
    endless["again"] = [endless]

    assert problems(by_hand({}), endless) == ["`n`: expected a number that JSON has; got Infinity"]
    assert problems(by_hand({"properties": {"again": {"items": {"$ref": "#"}}}}), endless) != []
    assert problems(pick, {"picky": endless}) != []


def test_numbers_of_any_size_are_refused_in_words():
    """Python can neither write an integer of ten thousand digits nor make a float of it."""
    huge = {"customer": 1 << 40_000, "lines": [{"sku": 1 << 40_000, "price": 1 << 40_000}]}

    assert problems(order, huge) == [
        "`customer`: expected string; got an integer of 40001 bits (Expected `str`, got `int`)",
        "`lines[0].sku`: Expected `str`, got `int`",
    ]
    bounded = by_hand({"properties": {"x": {"multipleOf": 0.1, "maximum": 5}}})
    assert problems(bounded, {"x": 1 << 40_000}) != []


@pytest.mark.parametrize("arguments", [None, [], "text", 5, math.nan, object()])
def test_what_is_no_mapping_is_refused(arguments):
    """Some models send a list, or nothing."""
    for made in (order, by_hand({})):
        (line,) = problems(made, arguments)

        assert line.startswith("`arguments`: expected object; got ")


HAND = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10},
        "path": {"type": "string", "minLength": 1},
        "filter": {
            "oneOf": [
                {"type": "string", "pattern": "^a"},
                {"type": "array", "items": {"type": "string"}},
            ]
        },
        "node": {"$ref": "#/$defs/node"},
        "when": {"const": "now"},
        "never": False,
    },
    "required": ["count", "path"],
    "additionalProperties": False,
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "value": {"type": ["integer", "null"]},
            },
            "required": ["value"],
        }
    },
}


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ({"count": 3, "path": "p"}, []),
        ({"count": "3", "path": "p"}, ["`count`: expected integer, at least 1, below 10; got"]),
        ({"count": 10, "path": "p"}, ["`count`: expected integer, at least 1, below 10; got 10"]),
        (
            {"count": 1, "path": ""},
            ['`path`: expected string, at least 1 character; got "" (0 ch'],
        ),
        ({"count": 1, "pth": "p"}, ["missing required field `path`", "unknown field `pth`, did"]),
        ({"count": 1, "path": "p", "filter": 5}, ["`filter`: expected string or array; got 5"]),
        ({"count": 1, "path": "p", "filter": ["a", 5]}, ["`filter[1]`: expected string; got 5"]),
        ({"count": 1, "path": "p", "filter": "b"}, ["`filter`: expected string, matching `^a`"]),
        ({"count": 1, "path": "p", "never": 1}, ["`never`: no value is allowed here"]),
        ({"count": 1, "path": "p", "when": 1}, ['`when`: expected "now"; got 1']),
        (
            {"count": 1, "path": "p", "node": {"children": [{}, {"value": "x"}], "value": None}},
            [
                "missing required field `node.children[0].value` (integer or null)",
                '`node.children[1].value`: expected integer or null; got "x"',
            ],
        ),
        ({"count": math.nan, "path": "p"}, ["`count`: expected a number that JSON has; got NaN"]),
        ({"count": 1, "path": b"p"}, ["`path`: expected a value that JSON has; got a bytes"]),
    ],
)
def test_a_schema_that_is_written_by_hand_is_applied(arguments, lines):
    """A tool without Python types is checked before it runs all the same."""
    told = problems(by_hand(HAND), arguments)

    assert len(told) == len(lines)
    assert all(line.startswith(begin) for line, begin in zip(told, lines, strict=True))


def test_a_value_that_fits_two_forms_of_which_one_is_allowed_is_refused():
    """`oneOf` means one, and the model hears that."""
    both = by_hand({"properties": {"x": {"oneOf": [{"type": "integer"}, {"minimum": 0}]}}})

    assert problems(both, {"x": 1}) == [
        "`x`: fits more than one of the allowed forms, and must fit exactly one"
    ]


def test_a_union_without_tags_takes_no_exponential_time():
    """Each form of each level is looked at once, or a model could stop the process for years."""
    form = {"type": "object", "properties": {"of": {"$ref": "#/$defs/any"}}, "required": ["of"]}
    forms = [{**form, "title": str(number)} for number in range(4)] + [{"type": "integer"}]
    schema = {"properties": {"x": {"$ref": "#/$defs/any"}}, "$defs": {"any": {"anyOf": forms}}}
    right, wrong = 1, "x"
    for _ in range(40):
        right, wrong = {"of": right}, {"of": wrong}

    assert by_hand(schema).faults({"x": right}) == ""
    assert problems(by_hand(schema), {"x": wrong})[0].startswith("`x`: expected object with `of`")


def test_a_long_list_of_a_recursive_schema_is_checked_to_its_end():
    """Only work that the size does not explain is given up."""
    tree = {"type": "object", "properties": {"of": {"items": {"$ref": "#"}}}, "required": ["of"]}
    leaves: list[Any] = [{"of": []} for _ in range(12_000)]

    assert by_hand(tree).faults({"of": leaves}) == ""
    assert problems(by_hand(tree), {"of": [*leaves, {}]}) == [
        "missing required field `of[12000].of` (any)"
    ]


def test_a_tag_that_may_be_left_out_is_not_asked_for():
    """What is wrong must not be explained by what is right."""
    forms = [{"type": "object", "properties": {"kind": {"const": name}}} for name in ("a", "b")]
    for form in forms:
        form["properties"]["x"] = {"type": "integer"}
    made = by_hand({"properties": {"part": {"anyOf": forms}}})

    assert problems(made, {"part": {"x": "y"}}) == [
        '`part`: expected object; got {"x": "y"}',
    ]
    assert problems(made, {"part": {"kind": "a", "x": "y"}}) == [
        '`part.x`: expected integer; got "y"',
    ]


def test_equal_items_are_found_in_a_long_list():
    """Comparing each with each would take hours."""
    made = by_hand({"properties": {"x": {"type": "array", "uniqueItems": True}}})
    items = [{"n": number, "of": [True, 1, "1", None]} for number in range(5_000)]

    assert made.faults({"x": [*items, 1, True, [1], [True], 0, False, "1"]}) == ""
    assert problems(made, {"x": [*items, {"of": [True, 1.0, "1", None], "n": 7.0}]}) != []
    assert problems(made, {"x": [1, 1.0]}) == [
        "`x`: expected array, all of them different; got [1, 1.0]"
    ]


def test_a_higher_recursion_limit_changes_nothing():
    """Python's limit is not that of the stack of C, whose end is the end of the process."""
    script = """
import sys
sys.setrecursionlimit(1_000_000)
from mentra_actors.tools.schemas.schema_faults import faults_by_schema
deep = {}
for _ in range(50_000):
    deep = {"of": deep}
tree = '{"type": "object", "properties": {"of": {"$ref": "#"}}}'
assert "nested too deeply" in faults_by_schema("deep", tree, deep)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=50)


def test_a_schema_that_explodes_is_given_up():
    """What is left of exponential schemas is stopped by counting, and refused in words."""
    definitions: dict[str, Any] = {"d0": {"type": "integer"}}
    for number in range(1, 40):
        part = {"$ref": f"#/$defs/d{number - 1}"}
        definitions[f"d{number}"] = {"allOf": [part, part]}
    bomb = by_hand({"properties": {"x": {"$ref": "#/$defs/d39"}}, "$defs": definitions})

    assert "too much to compare them with" in bomb.faults({"x": 1})


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": 5}, r"no valid JSON Schema: at \$\.type"),
        ({"properties": {"a": {"minimum": "x"}}}, r"at \$\.properties\.a\.minimum"),
        ({"properties": {"a": {"pattern": "("}}}, "'regex'"),
        ({"$ref": "#/$defs/none"}, "'#/\\$defs/none', which is not in it"),
        ({"$ref": "#/x-part", "x-part": {"not": {"$ref": "http://x.y/z"}}}, "nothing is fetched"),
        ({"$ref": "#/title/x", "title": "t"}, "cannot be applied: ValueError"),
        ({"$ref": "#/type/0", "type": ["object"]}, "cannot be applied: AttributeError"),
        ({"$ref": "#"}, "refers to itself without end"),
        ({"allOf": [{"$ref": "#"}]}, "without end"),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, "without end"),
        ({"$ref": "https://example.com/schema"}, "nothing is fetched"),
        ({"properties": {"a": {"items": {"$dynamicRef": "other#x"}}}}, "nothing is fetched"),
        ("not json", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"not":' * 200 + "{}" + "}" * 200, "nested too deeply"),
        ('{"not":' * 5_000 + "{}" + "}" * 5_000, "recursion"),
    ],
    ids=range(16),
)
def test_a_schema_that_cannot_be_applied_is_refused_at_registration(schema, words):
    """Its author learns it at the start, not from a model in production."""
    broken = by_hand(schema)

    with pytest.raises(InvalidTool, match=f"tool 'hand': input_schema .*{words}"):
        ToolRegistry([broken])
    assert "the tool itself is broken" in broken.faults({})


def test_a_schema_that_names_its_draft_is_read_like_any_other():
    """The library would go on with its own keywords where such a schema refers to itself."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    tree = {"properties": {"of": {"$ref": "#"}}, "additionalProperties": False}
    unknown = ["unknown field `of.off`, did you mean `of`?"]

    assert problems(by_hand(tree), {"of": {"off": 1}}) == unknown
    assert problems(by_hand({"$schema": draft, **tree}), {"of": {"off": 1}}) == unknown


@pytest.mark.parametrize(
    ("kind", "fitting", "others"),
    [
        ("integer", [0, -1, 1.0, 10**40, 1e300], [True, 1.5, "1", None, [], {}]),
        ("number", [0, 1.5], [False, "1"]),
        ("boolean", [True, False], [0, 1, "true"]),
        ("null", [None], [0, "", False]),
        ("string", ["", "1"], [1, ["x"]]),
        ("array", [[], [1]], ["", {}]),
        ("object", [{}, {"a": 1}], [[], None]),
    ],
)
def test_the_types_are_those_of_json(kind, fitting, others):
    """To Python true is 1, and 1.0 is no integer."""
    made = by_hand({"properties": {"x": {"type": kind}}})

    assert [value for value in fitting if made.faults({"x": value})] == []
    assert [value for value in others if not made.faults({"x": value})] == []


def test_a_schema_may_refer_to_what_it_holds():
    """Identifiers, anchors and the specification itself are known without a network."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/tool.json",
        "properties": {
            "a": {"$ref": "part.json"},
            "b": {"$ref": "#place"},
            "c": {"$ref": "https://json-schema.org/draft/2020-12/schema"},
            "d": {"$ref": "https://example.com/tool.json"},
        },
        "$defs": {
            "part": {"$id": "part.json", "type": "integer"},
            "place": {"$anchor": "place", "type": "string"},
        },
    }
    made = ToolRegistry([by_hand(schema)])["hand"]

    assert made.faults({"a": 1, "b": "x", "c": {"type": "object"}, "d": {"a": 2}}) == ""
    assert len(problems(made, {"a": "x", "b": 1, "c": {"type": 5}, "d": {"a": "y"}})) == 4


def test_nothing_is_fetched_for_a_tool_that_was_not_registered():
    """A check must not become a request to wherever a schema points."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema"
        remote = by_hand({"properties": {"x": {"$ref": address}}})

        assert "nothing is fetched" in remote.faults({"x": 1})
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_tool_may_check_by_itself():
    """What a schema cannot say is said before the call all the same."""
    odd = by_hand({}, check=lambda arguments: "" if arguments.get("n", 0) % 2 else "n must be odd")

    assert ToolRegistry([odd])["hand"].faults({"n": 1}) == ""
    assert odd.faults({"n": 2}) == "n must be odd"
    with pytest.raises(InvalidTool, match="not a JSON object"):
        ToolRegistry([by_hand("[]", check=odd.check)])


def test_an_annotation_that_brings_a_wrong_schema_still_refuses():
    """The words of the type are left when those of the schema cannot be had."""

    @tool
    def odd(n: Annotated[int, msgspec.Meta(extra_json_schema={"minimum": "x"})]) -> None:
        """Odd."""

    assert odd.faults({"n": 1}) == ""
    assert "`arguments`: Expected `int`, got `str`" in odd.faults({"n": "x"})


def test_checks_in_many_threads_do_not_meet():
    """Agents of one runtime share their tools."""
    answers: list[list[str]] = []

    def form(kind: int) -> dict[str, Any]:
        properties = {"kind": {"const": kind}, "value": {"type": "integer"}}
        return {"type": "object", "properties": properties, "required": ["kind"]}

    def ask(number: int) -> None:
        forms = {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]}
        definitions = {"a": form(number), "b": form(number + 10)}
        made = by_hand({"properties": {"x": {"items": forms}}, "$defs": definitions})
        for _ in range(10):
            answers.append(problems(made, {"x": [{"kind": number, "value": "y"}] * 3}))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval_s)

    told = [f'`x[{index}].value`: expected integer; got "y"' for index in range(3)]
    assert answers == [told] * 40


def test_the_library_is_loaded_when_it_is_needed():
    """Importing the package is the start of every command; most need no schema."""
    script = """
import sys
import mentra_actors.tools.functions.decorator as decorator
import mentra_actors.tools.registry as registry
@decorator.tool
def echo(text: str) -> str:
    return text
registry.ToolRegistry([echo])
assert echo.faults({"text": "x"}) == ""
assert "jsonschema" not in sys.modules
assert echo.faults({}) != ""
assert "jsonschema" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=50)
