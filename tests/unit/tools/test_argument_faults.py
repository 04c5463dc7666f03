"""A model hears all that is wrong with its call at once, in a text that stays small."""

import datetime
import enum
import math
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from mentra_actors.tools.contract import ToolError
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

sys.path.insert(0, str(Path(__file__).parent))
from asked_tools import by_hand, problems

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
